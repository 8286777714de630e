"""Prints what an interpreter lacks to be embedded and to make virtual environments. Run it with that interpreter.

It prints one word on each line: `version` (older than 3.9), `shared` (built without a shared library), `library` (the library
to link with is not installed), `venv`. It prints nothing if nothing is missing. PyO3 needs no headers.
"""
import os
import sys
import sysconfig


def library_is_there():
    """Whether the linker finds the shared library."""
    name = sysconfig.get_config_var("LDLIBRARY") or ""
    folder = sysconfig.get_config_var("LIBDIR") or ""
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    return any(os.path.exists(os.path.join(place, name)) for place in (folder, os.path.join(folder, multiarch)))


def venv_is_there():
    """Debian's python3 has no `ensurepip`; without it, `venv` makes an environment without pip."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


if sys.version_info < (3, 9):
    print("version")
if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
    print("shared")
elif not library_is_there():
    print("library")
if not venv_is_there():
    print("venv")
