"""What the worker needs of Python in Python: it describes a class and source text. This runs once, while a plugin is
loaded; no call goes through it. Errors in here are hookstorm's own, so it calls nothing of the plugin's."""

import builtins
import faulthandler
import functools
import importlib.util
import inspect
import os
import sys
import types


def prepare(fault_fd):
    """Makes Python write its stack to `fault_fd`: at a crash, at SIGUSR2, and when the process exits by `os._exit`."""
    import signal

    faulthandler.enable(file=fault_fd, all_threads=False)
    faulthandler.register(signal.SIGUSR2, file=fault_fd, all_threads=False, chain=False)
    end, getpid, dump = os._exit, os.getpid, faulthandler.dump_traceback

    def _exit(status):
        """Exit to the system with specified status, without normal exit processing."""
        if getpid() == runner[0]:
            dump(file=fault_fd, all_threads=False)
        end(status)

    import posix

    os._exit = posix._exit = _exit


runner = [0]


def own_builtins(dict=dict, names=vars(builtins), own=dict(vars(builtins))):
    """Replaces what the plugin made of the builtins with Python's own, and returns the plugin's."""
    theirs = dict(names)
    names.update(own)
    return theirs


def restore_builtins(theirs, names=vars(builtins)):
    names.update(theirs)


def load(path, name, loader=None):
    """Imports the file at `path` as `name`, with a loader of that class if there is one."""
    loader = loader(name, path) if loader and path.endswith(".py") else None
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def is_class(value):
    return isinstance(value, type)


def parameters_of(function, skip_first):
    """([(name, required, positional_only)], takes_any), or None if Python does not know."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    if skip_first:
        if parameters and parameters[0].kind in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        ):
            del parameters[0]
    named = [
        (p.name, p.default is p.empty, p.kind is p.POSITIONAL_ONLY)
        for p in parameters
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters)


def hook_of(cls, name):
    """(callable, parameters, takes_any, file, function, line), or None if the class has no such attribute."""
    try:
        raw = inspect.getattr_static(cls, name)
    except AttributeError:
        return None
    bound = raw if isinstance(raw, types.FunctionType) else getattr(cls, name, None)
    if not callable(bound):
        return False, [], False, "", "", 0
    # A function of a class still needs its `self`, wherever it comes from, unless it is a static method.
    wants_self = isinstance(bound, types.FunctionType) and not isinstance(raw, staticmethod)
    seen = parameters_of(bound, skip_first=wants_self)
    named, takes_any = seen if seen is not None else ([], True)
    written = raw.func if isinstance(raw, functools.partialmethod) else bound
    code = getattr(inspect.unwrap(written), "__code__", None)
    if code is None:
        code = getattr(getattr(written, "__func__", None), "__code__", None)
    if code is None:
        return True, named, takes_any, "", "", 0
    return True, named, takes_any, code.co_filename, code.co_name, code.co_firstlineno


def constructor_takes_configuration(cls):
    """Whether `cls` can be called with one argument. If Python does not know, the platform would try."""
    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):
        return True
    return any(
        p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL) for p in signature.parameters.values()
    )


def own_files(root):
    """{path: module name} of the files that were imported from `root`."""
    files = {}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.startswith(root + os.sep) and path.endswith(".py"):
            files[path] = name
    return files


def lines_of(path):
    """The lines with code inside functions, ascending. Lines at the top of a module run when it is imported."""
    try:
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return []
    lines = set()
    todo = [(code, False)]
    while todo:
        code, counts = todo.pop()
        if counts:
            if hasattr(code, "co_lines"):
                found = {line for _, _, line in code.co_lines() if line}
            else:
                import dis

                found = {line for _, line in dis.findlinestarts(code)}
            found.discard(code.co_firstlineno)
            lines |= found
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                # The body of a class runs at import, like the top of the module.
                is_function = bool(constant.co_flags & inspect.CO_NEWLOCALS) and constant.co_name != "<module>"
                todo.append((constant, is_function))
    return sorted(lines)


def tokens_of(paths):
    """(strings, numbers) that are constants in the code, without docstrings."""
    import ast

    strings, numbers = set(), set()
    for path in paths:
        try:
            with open(path, "rb") as file:
                tree = ast.parse(file.read())
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        prose = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                prose.add(node.value)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node not in prose:
                value = node.value
                if isinstance(value, bytes):
                    value = value.decode("utf-8", "ignore")
                if isinstance(value, str) and 0 < len(value) <= 256:
                    try:
                        value.encode()
                    except UnicodeEncodeError:
                        continue
                    strings.add(value)
                elif type(value) is int and abs(value) < 1 << 62:
                    numbers.add(value)
    return sorted(strings, key=lambda s: (len(s), s))[:4096], sorted(numbers)[:1024]


def sdk_version():
    if "safeguard.sessions.plugin" not in sys.modules:
        return None
    try:
        from importlib.metadata import version

        return version("oneidentity-safeguard-sessions-plugin-sdk")
    except Exception:
        return None


def functions_in(root):
    """The code objects of all living functions from `root`, with nested ones."""
    import gc

    found, todo = {}, []
    for value in gc.get_objects():
        if type(value) is types.FunctionType and value.__code__.co_filename.startswith(root + os.sep):
            todo.append(value.__code__)
    while todo:
        code = todo.pop()
        if id(code) not in found:
            found[id(code)] = code
            todo.extend(constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return list(found.values())


def fork_and_exit(times):
    """The least that a harness in Python has to do for each call. For the benches."""
    for _ in range(times):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
