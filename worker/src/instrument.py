"""Instruments the plugin's own code when it is imported. It changes the syntax tree, in the same way for every CPython.

Inside functions, and nowhere else, the tree gets calls of the builtins in `probe.rs`: at the entry, at the beginning of
a branch, around the condition of a branch and around comparisons. Such a call does with its operands what Python would
have done, in the same order, at the same line and column. So results, exceptions and tracebacks stay the same. Code for
which that is impossible (a comparison with two operators, a call over several lines) stays as it is.

Each call has a number: a hash of the file's path in the package, the function's name and the count of calls in it. It
is the same in every process, on every machine and under every CPython, and does not change with other functions.
"""

import ast
import importlib.machinery
import os
import sys
import warnings

# A larger file is data in the form of code: instrumenting it takes long and shows nothing.
SIZE_LIMIT = 1 << 20
# A chain of `elif` is as deep as it is long.
RECURSION_LIMIT = 10_000
NUMBERS = 1 << 26

# The numbers that `probe.rs` knows them by.
OPERATORS = {
    ast.Eq: 0,
    ast.NotEq: 1,
    ast.Lt: 2,
    ast.LtE: 3,
    ast.Gt: 4,
    ast.GtE: 5,
    ast.Is: 6,
    ast.IsNot: 7,
    ast.In: 8,
    ast.NotIn: 9,
}
METHODS = {"startswith": 0, "endswith": 1, "get": 2, "pop": 2, "setdefault": 2}
# Those of expressions, which `re` also has as functions.
MATCHES = {"match": 3, "fullmatch": 3, "search": 3, "findall": 4, "sub": 5, "subn": 6, "split": 7, "finditer": 8}
# How a `case` compares: with a value, or with a key that must exist.
EQUAL, KEY = 0, 1

# The number of calls in the files that were imported.
places = [0]


def hash_of(text):
    """FNV-1a."""
    value = 0x811C9DC5
    for byte in text.encode("utf-8", "surrogatepass"):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


class Instrumenter(ast.NodeTransformer):
    """Changes the tree of one file."""

    def __init__(self, path):
        self.path = path
        # The functions and classes around this node, and how often each name occurred: two functions may have the same.
        self.names = []
        self.seen = {}
        # Whether this is inside a function, the hash of its name, and the number of its calls so far.
        self.inside = False
        self.hash = 0
        self.count = 0
        self.places = 0

    def number(self):
        self.places += 1
        self.count += 1
        return (self.hash + self.count * 0x9E3779B1) % NUMBERS

    def call(self, name, at, number, *arguments):
        function = ast.Name(id="__hookstorm_" + name + "__", ctx=ast.Load())
        call = ast.Call(func=function, args=[ast.Constant(value=number, kind=None), *arguments], keywords=[])
        for new in (function, call.args[0], call):
            ast.copy_location(new, at)
        return call

    def reach(self, body, name="reach", at=0):
        """Inserts a call before a statement of a body."""
        near = body[min(at, len(body) - 1)]
        statement = ast.Expr(value=self.call(name, near, self.number()))
        body.insert(at, ast.copy_location(statement, near))

    def scope(self, name, inside, visit):
        outer = self.inside, self.hash, self.count
        self.names.append(name)
        qualified = ".".join(self.names)
        again = self.seen[qualified] = self.seen.get(qualified, 0) + 1
        self.inside, self.hash, self.count = inside, hash_of(f"{self.path}\0{qualified}\0{again}"), 0
        visit()
        self.names.pop()
        self.inside, self.hash, self.count = outer

    def all(self, nodes):
        return [node and self.visit(node) for node in nodes]

    def visit_FunctionDef(self, node):
        node.decorator_list = self.all(node.decorator_list)
        self.visit(node.args)

        def visit():
            has_docstring = ast.get_docstring(node, clean=False) is not None
            self.reach(node.body, "enter", int(has_docstring))
            at = int(has_docstring) + 1
            node.body[at:] = self.all(node.body[at:])

        self.scope(node.name, True, visit)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        self.visit(node.args)

        def visit():
            node.body = self.visit(node.body)

        self.scope("<lambda>", True, visit)
        return node

    def visit_arguments(self, node):
        """Defaults belong to the code that defines the function; annotations stay as they are."""
        node.defaults = self.all(node.defaults)
        node.kw_defaults = self.all(node.kw_defaults)
        return node

    def visit_ClassDef(self, node):
        node.decorator_list = self.all(node.decorator_list)
        node.bases = self.all(node.bases)
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)

        def visit():
            node.body = self.all(node.body)

        self.scope(node.name, False, visit)
        return node

    def keep(self, node):
        return node

    visit_JoinedStr = visit_TemplateStr = visit_TypeAlias = keep

    def visit_AnnAssign(self, node):
        node.target = self.visit(node.target)
        node.value = node.value and self.visit(node.value)
        return node

    def test(self, node):
        """Visits an expression of which only the truth counts."""
        if not self.inside:
            return self.visit(node)
        if isinstance(node, ast.BoolOp):
            node.values = [self.test(value) for value in node.values]
            return node
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            node.operand = self.test(node.operand)
            return node
        if is_compare(node):
            return self.visit(node)
        if isinstance(node, (ast.Constant, ast.Tuple)) or isinstance(node, ast.Name) and node.id == "__debug__":
            # The compiler evaluates these.
            return node if isinstance(node, ast.Name) else self.visit(node)
        number = self.number()
        return self.call("test", node, number, self.visit(node))

    def branch(self, node):
        node.test = self.test(node.test)
        for name, value in ast.iter_fields(node):
            if name == "test":
                continue
            if isinstance(value, list):
                setattr(node, name, self.all(value))
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return node

    visit_If = visit_IfExp = branch

    def visit_Assert(self, node):
        # Python 3.11 reports the line of the comparison that failed, which must stay the same.
        if node.test.lineno == node.test.end_lineno == node.lineno:
            return self.branch(node)
        node.msg = node.msg and self.visit(node.msg)
        return node

    def visit_While(self, node):
        endless = self.inside and isinstance(node.test, ast.Constant)
        self.branch(node)
        if endless:
            self.reach(node.body)
        return node

    def visit_comprehension(self, node):
        node.target = self.visit(node.target)
        node.iter = self.visit(node.iter)
        node.ifs = [self.test(condition) for condition in node.ifs]
        return node

    def with_body(self, node):
        self.generic_visit(node)
        if self.inside:
            self.reach(node.body)
        return node

    visit_For = visit_AsyncFor = visit_ExceptHandler = with_body

    def visit_UnaryOp(self, node):
        if isinstance(node.op, ast.Not):
            node.operand = self.test(node.operand)
            return node
        return self.generic_visit(node)

    def visit_BoolOp(self, node):
        if not self.inside:
            return self.generic_visit(node)
        *but_last, last = node.values
        node.values = [self.operand(value) for value in but_last] + [self.visit(last)]
        return node

    def operand(self, node):
        """Visits an operand of `and` or `or`, which is their result depending on its truth."""
        if is_compare(node) or isinstance(node, (ast.BoolOp, ast.Constant)) or is_not(node):
            return self.visit(node)
        number = self.number()
        return self.call("value", node, number, self.visit(node))

    def visit_Match(self, node):
        wanted = []
        for case in node.cases:
            wanted.extend(wanted_by(case.pattern, ()))
        number = self.number() if self.inside else 0
        node.subject = self.visit(node.subject)
        if self.inside:
            constants = ast.copy_location(ast.Constant(value=tuple(wanted), kind=None), node.subject)
            node.subject = self.call("subject", node.subject, number, node.subject, constants)
        for case in node.cases:
            case.guard = case.guard and self.test(case.guard)
            case.body = self.all(case.body)
            if self.inside:
                self.reach(case.body)
        return node

    def visit_Compare(self, node):
        if not self.inside or not is_compare(node):
            return self.generic_visit(node)
        number = self.number() << 4 | OPERATORS[type(node.ops[0])]
        left, right = self.visit(node.left), self.visit(node.comparators[0])
        if isinstance(node.ops[0], (ast.In, ast.NotIn)) and isinstance(right, (ast.List, ast.Set)):
            right = folded(right)
        return self.call("compare", node, number, left, right)

    def visit_Call(self, node):
        if not self.inside or not is_method(node):
            return self.generic_visit(node)
        number = self.number() << 4 | kind_of(node.func)
        self.generic_visit(node)
        call = self.call("call", node, number, node.func, *node.args)
        call.keywords = node.keywords
        return call

    def visit_Subscript(self, node):
        if not (self.inside and isinstance(node.ctx, ast.Load) and is_key(node.slice)):
            return self.generic_visit(node)
        number = self.number()
        self.generic_visit(node)
        return self.call("item", node, number, node.value, node.slice)


def is_not(node):
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def is_compare(node):
    return isinstance(node, ast.Compare) and len(node.ops) == 1


def is_method(node):
    """A call of a method that compares, on one line: Python reports another line for a longer one."""
    kind = kind_of(node.func)
    return (
        kind is not None
        and node.func.end_lineno == node.lineno
        and 1 <= len(node.args) <= (3 if kind < 3 else 5)
        and not (node.keywords if kind < 3 else any(keyword.arg is None for keyword in node.keywords))
        and not any(isinstance(argument, ast.Starred) for argument in node.args)
    )


def kind_of(function):
    """The number by which `probe.rs` knows a method; None if it compares nothing."""
    if isinstance(function, ast.Attribute):
        return METHODS.get(function.attr, MATCHES.get(function.attr))
    # `from re import search`
    return MATCHES.get(function.id) if isinstance(function, ast.Name) else None


def is_key(node):
    """Whether a subscript looks like the key of a dict, not like a slice or an index."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (str, bytes))
    return not isinstance(node, (ast.Slice, ast.Tuple, ast.UnaryOp, ast.BinOp, ast.Starred))


def folded(display):
    """What the compiler makes of a list or set of constants after `in`."""
    if not all(isinstance(item, ast.Constant) for item in display.elts):
        return display
    values = [item.value for item in display.elts]
    value = tuple(values) if isinstance(display, ast.List) else frozenset(values)
    return ast.copy_location(ast.Constant(value=value, kind=None), display)


def wanted_by(pattern, path):
    """(path, how, constant) of what a pattern compares: the path consists of indices and keys."""
    kind = type(pattern).__name__
    if kind == "MatchValue" and isinstance(pattern.value, ast.Constant):
        yield path, EQUAL, pattern.value.value
    elif kind == "MatchSingleton":
        yield path, EQUAL, pattern.value
    elif kind == "MatchOr":
        for inner in pattern.patterns:
            yield from wanted_by(inner, path)
    elif kind == "MatchAs" and pattern.pattern is not None:
        yield from wanted_by(pattern.pattern, path)
    elif kind == "MatchSequence":
        for index, inner in enumerate(pattern.patterns):
            if type(inner).__name__ == "MatchStar":
                break
            yield from wanted_by(inner, (*path, index))
    elif kind == "MatchMapping":
        for key, inner in zip(pattern.keys, pattern.patterns):
            if isinstance(key, ast.Constant):
                yield path, KEY, key.value
                yield from wanted_by(inner, (*path, key.value))


def instrumented(data, path, root):
    """The code of a file with calls in it, and their number; None if the file cannot be instrumented."""
    if len(data) > SIZE_LIMIT:
        return None
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
        # Python warned about the source when it compiled the original.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data, path)
            instrumenter = Instrumenter(os.path.relpath(path, root))
            tree.body = instrumenter.all(tree.body)
            code = compile(tree, path, "exec", dont_inherit=True)
        return code, instrumenter.places
    except Exception:
        return None
    finally:
        sys.setrecursionlimit(limit)


def install(root):
    """Instruments every file under `root` that is imported from now on. Returns the class that loads them."""

    class Loader(importlib.machinery.SourceFileLoader):
        """Loads from the source only: it reads and writes no `.pyc`."""

        def get_code(self, fullname):
            path = self.get_filename(fullname)
            return self.source_to_code(self.get_data(path), path)

        def source_to_code(self, data, path, **how):
            plain = super().source_to_code(data, path, **how)
            result = None if how else instrumented(data, path, root)
            if result is None:
                return plain
            code, count = result
            places[0] += count
            return code

    # A traceback has no frames of Python's own loader, and must not have these either.
    for method in (Loader.get_code, Loader.source_to_code):
        method.__code__ = method.__code__.replace(co_filename="<frozen importlib._bootstrap_external>")

    finder = importlib.machinery.FileFinder.path_hook(
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (Loader, importlib.machinery.SOURCE_SUFFIXES),
        (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
    )

    def finder_of_own(path):
        if path == root or path.startswith(root + os.sep):
            return finder(path)
        raise ImportError("not the plugin's", path=path)

    sys.path_hooks.insert(0, finder_of_own)
    sys.path_importer_cache.clear()
    return Loader
