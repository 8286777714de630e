# The class is in another module and has another name there.
from lib.store import Store as Plugin  # noqa: F401
