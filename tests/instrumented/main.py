#!/usr/bin/env python3
"""What Python has and instrumentation must leave as it is. `server_username` names what is to run; each gives something
that shows a difference: a result, an order of evaluation, a traceback with its lines and columns."""
from __future__ import annotations

import asyncio
import dataclasses
import enum
import functools
import importlib
import inspect
import json
import re
import runpy
import sys
import traceback
from typing import TYPE_CHECKING, Optional

import package
from namespace import inner

if TYPE_CHECKING:
    from nowhere import Nothing

COUNT = 0
EVERYTHING = {}


def register(function):
    EVERYTHING[function.__name__] = function
    return function


class Loud:
    """Says what is asked of it, in the order that it is."""

    def __init__(self, name, log, truth=True):
        self.name, self.log, self.truth = name, log, truth

    def say(self, what, result):
        self.log.append(f"{self.name}.{what}")
        return result

    def __eq__(self, other):
        return self.say("eq", self if other is None else NotImplemented)

    def __lt__(self, other):
        return self.say("lt", [])

    def __contains__(self, item):
        return self.say("contains", 5)

    def __getitem__(self, key):
        return self.say(f"getitem {key}", key)

    def __bool__(self):
        return self.say("bool", self.truth)

    def __len__(self):
        return self.say("len", 1)

    def get(self, key, default=None):
        return self.say("get", default)

    def startswith(self, prefix):
        raise LookupError(inspect.stack()[1].function)


@register
def operators():
    log = []
    a, b, c = Loud("a", log), Loud("b", log, False), Loud("c", log)
    found = [a == None, a != b, b < c, 1 in a, 1 not in b, a is b, a is not b]  # noqa: E711
    found = [item if isinstance(item, (bool, list)) else item.name for item in found]
    found += [(a and b).name, (b or c).name, not a, (a["k"], b[0], c[1:2].start)]
    found.append("yes" if a and (b or not c) else "no")
    found.append(1 < 2 < len(a) + 2 != 3)
    if a < b or b["x"] == "x" and c.get("k", ()) == ():
        found.append("taken")
    while b:
        found.append("never")
    else:
        found.append("else")
    return found, log


@register
def order():
    log = []

    def step(value):
        log.append(value)
        return value

    step({"a": 1}).get(step("a"), step("d")) == step(1)
    step({"a": 1})[step("a")] in [step(1), step(2)]
    step("text").startswith(step("te"), step(0)) is step(True)
    for broken in (lambda: step(None).get(step("never")), lambda: step({})[step("k")] == step("never")):
        try:
            broken()
        except (AttributeError, KeyError) as error:
            log.append(repr(error))
    return log


class Base:
    limit: Optional[int] = None

    def who(self):
        return ["base"]

    @property
    def value(self):
        return self.__hidden

    @value.setter
    def value(self, new):
        if new == 3 and (squared := new**2) > 8:
            self.__hidden = squared


class Derived(Base):
    __slots__ = ("__hidden", "extra")
    kinds = [kind for kind in ("a", "b") if kind == "a"]

    def who(self):
        return [*super().who(), __class__.__name__]

    def __init_subclass__(cls, /, **keywords):
        cls.keywords = keywords


class Last(Derived, key="value"):
    def __getattr__(self, name):
        if name.startswith("dyn"):
            return name
        raise AttributeError(name)


@register
def classes():
    last = Last()
    Base.value.fset(last, 3)
    colour = enum.Enum("Colour", "RED GREEN")
    return [last.who(), last._Base__hidden, last.dynamic, Last.keywords, Derived.kinds, sorted(vars(Last))[:2]] + [
        colour["RED"] == colour.RED, colour.RED in {colour.RED}, colour(2).name
    ]


@dataclasses.dataclass(order=True)
class Point:
    """A point."""

    x: int
    y: int = 0
    tags: list = dataclasses.field(default_factory=list, compare=False)


@register
def signatures():
    def documented(a, /, b: int = 1 if COUNT == 0 else 2, *c, d: "str" = "x", **e) -> "int":
        """What it says."""
        global COUNT
        COUNT = COUNT

    def only_documented():
        """Nothing else."""

    return [
        str(inspect.signature(documented)), documented.__doc__, only_documented.__doc__, only_documented(),
        str(inspect.signature(Point)), Point.__doc__, repr(Point(1) < Point(2)), Point(1) == Point(1, tags=[1]),
        inspect.getsource(only_documented), documented.__annotations__, Base.__annotations__, __doc__[:10],
        documented.__code__.co_firstlineno,
    ]


@register
def scopes():
    global COUNT
    before = COUNT
    COUNT += 1
    COUNT -= 1
    total = 0

    def add(number):
        nonlocal total
        total += number if number != 2 else 20
        return total

    numbers = [add(number) for number in range(4) if number]
    first, *rest = numbers
    del numbers
    functions = [lambda x, n=n: x == n or n for n in rest]
    pairs = {key: value for key, value in zip("ab", rest) if key in {"a", "b"} and value not in (0,)}
    return before, first, rest, [function(4) for function in functions], pairs, sorted(locals())


@register
def generators():
    def numbers(limit):
        number = 0
        while True:
            got = yield number
            if (number := number + 1) == limit:
                return "done"
            elif got == "skip":
                number += 1

    def outer():
        result = yield from numbers(5)
        yield result

    generator = outer()
    seen = [next(generator), generator.send("skip")] + list(generator)
    if (yield_ := sum(1 for item in seen if item == "done")) == 1:
        seen.append(yield_)
    return seen


@register
def coroutines():
    async def ask(value):
        await asyncio.sleep(0)
        return value

    async def each():
        for value in (1, 2, 3):
            yield await ask(value)

    async def main():
        found = [value async for value in each() if await ask(value) != 2]
        async for value in each():
            if await ask({"k": value}.get("k")) == 2:
                break
        else:
            found.append("else")
        return found, value

    return asyncio.run(main())


@register
def tracebacks():
    texts = []
    for broken in (
        lambda: {}["missing"],
        lambda: "a" < 1,
        lambda: 1 in None,
        lambda: None.get("x"),
        lambda: "a".startswith(1),
        lambda: Loud("a", []).startswith("x"),
        lambda: 1 if json.loads("") else 2,
        deep, several_lines, chained,
    ):
        try:
            broken()
        except Exception:
            texts.append(traceback.format_exc())
    return texts


def deep(depth=3):
    if depth == 0:
        raise ValueError("deep")
    return deep(depth - 1) or None


def several_lines():
    return (
        {"a": 1}
        .get("a")
        .get(
            "b"
        )
    )


def chained():
    try:
        {}[
            "k"
        ] == 1
    except KeyError as error:
        raise RuntimeError(
            "chained"
        ) from error


@register
def assertions():
    def one_line(value):
        assert value == 2 and not value, (
            f"{value!r:>3} is not {2 if value == 1 else 3}"
        )

    def several_lines(value):
        assert (
            value != 1
            and value == 2
        ), value

    def tuple_of(value):
        assert value in (2,) or (value, "") == (3, "")

    found = []
    for broken in (one_line, several_lines, tuple_of):
        for value in (1, 0, 2):
            try:
                broken(value)
            except AssertionError as error:
                entries = traceback.extract_tb(error.__traceback__)
                found.append((entries[-1].lineno, entries[-1].line, str(error)))
    return found


@register
def recursion():
    def endless(depth):
        seen.append(depth)
        return endless(depth + 1) == 0

    seen = []
    try:
        endless(0)
    except RecursionError as error:
        entries = traceback.extract_tb(error.__traceback__)
        return [entry.lineno for entry in entries[-3:]], str(error)


@register
def imports():
    importlib.reload(package.part)
    module = importlib.import_module(".part", "package")
    ran = runpy.run_module("package.part", run_name="ran")
    return [
        package.part.kind("x"), module is package.part, ran["kind"]("y"), ran["__name__"], inner.NAME,
        package.latin.TEXT, package.bom.TEXT, package.crlf.lines(1), package.part.__doc__,
        [name for name in ("__file__", "__cached__", "__spec__") if not hasattr(module, name)],
        inspect.getsource(package.part.kind), functools.reduce(lambda a, b: a if a > b else b, [1, 3, 2]),
    ]


@register
def constants():
    found = ["debug"] if __debug__ and not not __debug__ else []
    for value in (1, "a", b"b", None, 2.5, (1, 2)):
        found.append(value in {1, "a"} or value in [b"b", None] or value is None)
    if 0:
        found.append("never")
    while 1:
        break
    return found


@register
def matching():
    if sys.version_info < (3, 10):
        return None
    from package import matches

    subjects = ["word", 7, None, ["a", 1], ("b", "x", 2), {"kind": "k", "more": [True]}, Point(1, 2), 7.5]
    return [matches.kind(subject) for subject in subjects]


@register
def groups():
    if sys.version_info < (3, 11):
        return None
    from package import stars

    return stars.caught()


@register
def raises():
    return deep(5)


@register
def leaves():
    sys.exit(4 if re.match("a", "b") is None else 5)


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, server_username):
        return {"got": EVERYTHING[server_username]()}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
