"""A package; its files in other encodings are written by the test."""
from . import bom, crlf, latin, part
