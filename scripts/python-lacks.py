"""Says what an interpreter lacks to be embedded and to make virtual environments; run by that interpreter.

Prints one word a line: `version` (older than 3.9), `shared` (built without a shared library), `library` (the library
that one links with is not installed) and `venv`. Nothing: all is there. Headers are not needed: PyO3 brings its own.
"""
import os
import sys
import sysconfig


def library_is_there():
    """Whether the link to the shared library lies where a linker looks."""
    name = sysconfig.get_config_var("LDLIBRARY") or ""
    folder = sysconfig.get_config_var("LIBDIR") or ""
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    return any(os.path.exists(os.path.join(place, name)) for place in (folder, os.path.join(folder, multiarch)))


def venv_is_there():
    """Debian leaves `ensurepip` out of python3; `venv` alone makes an environment without pip."""
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
