# A module in the root imports as if it were in a package.
from .lib import helper


class Plugin:
    pass
