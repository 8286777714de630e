"""A part that is imported more than once."""
from .latin import TEXT


def kind(text):
    """Its kind."""
    if text == "x":
        return text + TEXT
    return None
