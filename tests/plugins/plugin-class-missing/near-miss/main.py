# The class comes from elsewhere under another name.
from lib.store import Store as Plugin  # noqa: F401
