"""A module of a package without `__init__.py`."""
NAME = __name__
