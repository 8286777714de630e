"""What the worker needs of Python in Python: it describes a class and source text. This runs once, while a plugin is
loaded; no call goes through it. Errors in here are hookstorm's own, so it calls nothing of the plugin's."""

import sys

# What CPython imports, with `site`, before the first line of any program: there the module of the standard library wins.
STARTED_WITH = {"_collections_abc", "_sitebuiltins", "genericpath", "os", "posixpath", "site", "stat", *sys.modules}

import ast
import builtins
import dis
import faulthandler
import functools
import importlib.machinery
import importlib.util
import inspect
import opcode
import os
import types

RAISE = opcode.opmap["RAISE_VARARGS"]


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


# Modules of the standard library that hookstorm imported for itself, and that the package has a module of that name for.
shadowed = {}


def own_builtins(dict=dict, names=vars(builtins), own=dict(vars(builtins)), modules=sys.modules, shadowed=shadowed):
    """Replaces what the plugin made of the builtins with Python's own, and its modules with those of the standard
    library, and returns the plugin's."""
    theirs = dict(names), {name: modules.get(name) for name in shadowed}
    names.update(own)
    modules.update(shadowed)
    return theirs


def restore_builtins(theirs, names=vars(builtins), modules=sys.modules):
    names.update(theirs[0])
    for name, module in theirs[1].items():
        if module is None:
            modules.pop(name, None)
        else:
            modules[name] = module


# Modules that every CPython has built in: they are found before any file.
BUILT_IN = {"atexit", "builtins", "errno", "faulthandler", "gc", "itertools", "marshal", "posix", "pwd", "sys", "time"}


class PackageFirst:
    """Finds the package's own modules whose names this CPython has built in, and others have not."""

    names, root = set(), ""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if path is None and name in cls.names:
            return importlib.machinery.PathFinder.find_spec(name, [cls.root])
        return None


def prefer_package(root):
    """Lets the modules in the root of the package win over those of the standard library, whatever hookstorm imported
    before: only what CPython itself imports at its start stays."""
    for entry in os.listdir(root):
        path = os.path.join(root, entry)
        name, _, ending = entry.partition(".")
        is_module = entry.endswith((".py", ".pyc", ".so")) or not ending and os.path.isfile(path + "/__init__.py")
        if not is_module or name in STARTED_WITH or name in BUILT_IN:
            continue
        if name in sys.builtin_module_names:
            PackageFirst.names.add(name)
        for known in [known for known in sys.modules if known == name or known.startswith(name + ".")]:
            shadowed[known] = sys.modules.pop(known)
    if PackageFirst.names:
        PackageFirst.root = root
        at = [getattr(finder, "__name__", "") for finder in sys.meta_path]
        sys.meta_path.insert(at.index("BuiltinImporter") if "BuiltinImporter" in at else 0, PackageFirst)


def load(path, name, loader=None):
    """Imports the file at `path` as `name`, with a loader of that class if there is one."""
    prefer_package(os.path.dirname(path))
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


def methods_of(cls, limit=256):
    """[(name, line)] of the public functions of a class, without those of the SDK and of Python."""
    found = {}
    for base in cls.__mro__:
        for name, value in list(vars(base).items()):
            code = getattr(inspect.unwrap(getattr(value, "__func__", value)), "__code__", None)
            if type(name) is str and not name.startswith("_") and isinstance(code, types.CodeType):
                found.setdefault(name, (code.co_filename, code.co_firstlineno))
    return [(name, file, line) for name, (file, line) in list(found.items())[:limit]]


def classes_of(module, hooks, limit=64):
    """[(name, file, line, hooks)] of the classes that a module has, with those hooks that each of them has."""
    found = []
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and type(name) is str and len(found) < limit:
            own = [hook for hook in hooks if callable(getattr(value, hook, None))]
            code = next((c for c in map(code_of, vars(value).values()) if c is not None), None)
            file, line = (code.co_filename, class_line(value, code)) if code else ("", 0)
            found.append((name, file, line, own))
    return found


def code_of(value):
    code = getattr(getattr(value, "__func__", value), "__code__", None)
    return code if isinstance(code, types.CodeType) else None


def class_line(cls, code):
    """The line of the statement `class`, else that of its first function."""
    try:
        with open(code.co_filename, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                words = line.replace("(", " ").replace(":", " ").split()
                if words[:2] == ["class", cls.__name__]:
                    return number
    except (OSError, UnicodeDecodeError):
        pass
    return code.co_firstlineno


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
    """(strings, numbers) that are constants in the code, without docstrings, and the names in it."""
    strings, numbers, names = set(), set(), set()
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
            for field in ("id", "attr", "name", "arg"):
                name = getattr(node, field, None)
                if isinstance(name, str) and len(name) <= 64:
                    names.add(name)
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
    return sorted(strings, key=lambda s: (len(s), s))[:4096], sorted(numbers)[:1024], sorted(names)[:8192]


def patterns_of(files):
    """The regular expressions in the modules and classes of {path: module name}, and long constants that may be some.
    Flags that change what an expression matches stand before it: `(?x)`."""
    import re

    found = set()

    def add(value, flags=0):
        if isinstance(value, bytes):
            value = value.decode("utf-8", "ignore")
        letters = "".join(letter for letter, flag in (("i", 2), ("m", 8), ("s", 16), ("x", 64)) if flags & flag)
        text = f"(?{letters}){value}" if letters else value
        if len(text) <= 2048 and not any("\ud800" <= one <= "\udfff" for one in text):
            found.add(text)

    def look(value, depth):
        kind = type(value)
        if kind is re.Pattern:
            add(value.pattern, value.flags)
        elif kind is dict and depth:
            for inner in list(value.values())[:4096]:
                look(inner, depth - 1)
        elif kind in (list, tuple) and depth:
            for inner in value[:4096]:
                look(inner, depth - 1)

    for path, name in files.items():
        for value in list(vars(sys.modules[name]).values()) if name in sys.modules else ():
            look(value, 2)
            if type(value) is type and value.__module__ == name:
                for inner in list(type.__getattribute__(value, "__dict__").values()):
                    look(inner, 2)
        try:
            with open(path, "rb") as file:
                tree = ast.parse(file.read())
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) and 256 < len(node.value):
                add(node.value)
    return sorted(found, key=lambda text: (len(text), text))[:1024]


def sdk_version():
    if "safeguard.sessions.plugin" not in sys.modules:
        return None
    for folder in sys.path:
        try:
            entries = os.listdir(folder)
        except (OSError, TypeError):
            continue
        for entry in entries:
            name, _, rest = entry.partition("-")
            if name == "oneidentity_safeguard_sessions_plugin_sdk" and entry.endswith((".dist-info", ".egg-info")):
                return rest.rpartition(".")[0].partition("-")[0]
    return None


PLAIN_TYPES = (dict, list, str, int, float, bool, type(None))


def named(cls):
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def places_in(value, path, limit=4096):
    """[(path, value)] of what is in a cookie, keys included."""
    found, todo = [], [(path, value)]
    while todo and len(found) < limit:
        path, value = todo.pop()
        found.append((path, value))
        if isinstance(value, dict):
            for key, item in list(dict.items(value)):
                found.append((f"a key of {path}", key))
                if isinstance(key, str):
                    key = str.__str__(key)
                elif type(key) not in PLAIN_TYPES:
                    continue
                step = f".{key}" if type(key) is str and key.isidentifier() else f"[{str(key)!r}]"
                todo.append((path + step, item))
        elif isinstance(value, list):
            todo.extend((f"{path}[{index}]", item) for index, item in enumerate(list.copy(value)))
        elif isinstance(value, tuple):
            todo.extend((f"{path}[{index}]", item) for index, item in enumerate(tuple.__getitem__(value, slice(None))))
    return found


def changed_types(cookies, limit):
    """[(path, type)] of the values and keys that have another type after a way through JSON."""
    changed = {}
    for name, cookie in cookies:
        for path, value in places_in(cookie, name):
            is_key = path.startswith("a key of ")
            if type(value) not in ((str,) if is_key else PLAIN_TYPES) and len(changed) < limit:
                changed.setdefault(path, named(type(value)))
    return list(changed.items())


def operands_of(error, entry, cookies, root, limit):
    """[(path, type)] of the values in the cookies with which an AttributeError or a TypeError failed."""
    known = {}
    for name, cookie in cookies:
        for path, value in places_in(cookie, name):
            if type(value) not in (bool, type(None)) and (not isinstance(value, dict) or value is not cookie):
                known.setdefault(id(value), []).append((path, value))
    touched = []
    if isinstance(error, AttributeError) and getattr(error, "obj", None) is not None:
        touched = [error.obj]
    else:
        own = None
        while entry is not None:
            if entry.tb_frame.f_code.co_filename.startswith(root + os.sep):
                own = entry
            entry = entry.tb_next
        if own is not None:
            for node in failing_nodes(own):
                touched.append(value_of(node, own.tb_frame))
    found = {}
    for value in touched:
        for path, known_value in known.get(id(value), ()):
            if known_value is value and len(found) < limit:
                found[path] = named(type(value))
    return list(found.items())


nodes_at = {}


def failing_nodes(entry):
    """The expressions that the instruction at which a traceback's entry stopped belongs to."""
    import _ast

    code, at, line = entry.tb_frame.f_code, entry.tb_lasti, entry.tb_lineno
    known = nodes_at.get((code, at))
    if known is not None:
        return known
    if len(nodes_at) > 256:
        nodes_at.clear()
    position = None
    if hasattr(code, "co_positions"):
        import itertools

        position = next(itertools.islice(code.co_positions(), at // 2, None), None)
    found = []
    try:
        with open(code.co_filename, "rb") as file:
            tree = compile(file.read(), code.co_filename, "exec", _ast.PyCF_ONLY_AST, dont_inherit=True)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return found
    for node in expressions_in(tree):
        if position and None not in position:
            if (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset) == position:
                found.extend(expressions_in(node))
        elif node.lineno <= line <= node.end_lineno:
            found.append(node)
    nodes_at[code, at] = found
    return found


def expressions_in(tree):
    """All expressions of a syntax tree. It is a tree of `_ast`: a package may have a module `ast` of its own."""
    import _ast

    found, todo = [], [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, _ast.expr):
            found.append(node)
        for name in node._fields:
            below = getattr(node, name, None)
            todo.extend(item for item in (below if type(below) is list else [below]) if isinstance(item, _ast.AST))
    return found


def value_of(node, frame):
    """The value of an expression, or None if finding it would run code of the plugin."""
    import _ast as ast

    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = value_of(node.value, frame)
        try:
            own = object.__getattribute__(owner, "__dict__")
        except AttributeError:
            return None
        return own.get(node.attr) if type(own) is dict else None
    if isinstance(node, ast.Subscript):
        container, key = value_of(node.value, frame), value_of(node.slice, frame)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        container, key = value_of(node.func.value, frame), value_of(node.args[0], frame)
    else:
        return None
    if type(container) is dict and type(key) in (str, int):
        return container.get(key)
    if type(container) in (list, tuple) and type(key) is int and -len(container) <= key < len(container):
        return container[key]
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
