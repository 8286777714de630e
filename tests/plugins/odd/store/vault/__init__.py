"""A module whose names are made when they are asked for."""
import importlib


def __getattr__(name):
    if name == "Accounts":
        return importlib.import_module(".accounts", __name__).Accounts
    raise AttributeError(name)
