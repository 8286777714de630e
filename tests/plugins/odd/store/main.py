#!/usr/bin/env pluginwrapper3
"""Legal, though few would write it so: the class comes from a function and has a metaclass and slots, the hooks are a
partial method, an object, a wrapped method and a lambda, and what they return is a subclass of what the contract says.
"""
from __future__ import annotations

import collections
import contextlib
import functools
import io
import logging
import os
import sys
import tempfile
import threading
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from enum import Enum

import vault

logging.captureWarnings(True)
log = logging.getLogger("odd.store")
if not log.handlers:
    log.addHandler(logging.StreamHandler(sys.stderr))
    log.setLevel(logging.DEBUG)
    log.propagate = False


class Step(str, Enum):
    PASSWORD = "password"
    KEY = "key"


class Text(str):
    """Text that hides itself in logs."""

    def __repr__(self):
        return "<hidden>"


class Result(collections.OrderedDict):
    def __missing__(self, key):
        return None


class Counted(type):
    """Notes which hooks its classes have."""

    def __new__(cls, name, bases, namespace, **options):
        made = super().__new__(cls, name, bases, namespace, **options)
        made.hooks = tuple(key for key in namespace if not key.startswith("_"))
        return made


class Ended:
    """A hook that is an object with `__get__` and `__call__`."""

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, plugin, session_id, cookie=types.MappingProxyType({}), **_):
        with contextlib.suppress(KeyError):
            log.debug("%r ended after %d steps", session_id, len(cookie["steps"]))
        return None


def announced(hook):
    @functools.wraps(hook)
    def wrapper(*args, **kwargs):
        log.debug("%s begins", hook.__name__)
        try:
            return hook(*args, **kwargs)
        finally:
            log.debug("%s ends", hook.__name__)

    return wrapper


def make():
    class Plugin(metaclass=Counted):
        __slots__ = ("accounts", "lock", "__weakref__")

        def __init__(self, /, configuration=""):
            self.accounts = vault.Accounts(configuration or '{"accounts": {}, "pepper": ""}')
            self.lock = threading.RLock()

        def _get(self, step, key, *, cookie, server_username=None, target_username=None, protocol="", **others):
            user = server_username or target_username or ""
            with self.lock, ThreadPoolExecutor(max_workers=2) as pool:
                found = pool.submit(self._find, user).result() if step is Step.PASSWORD else []
            steps = [one for one in cookie.get("steps", []) if isinstance(one, str)][-9:]
            result = Result({key: [Text(one) for one in found]})
            result["cookie"] = collections.defaultdict(list, cookie, steps=[*steps, step.value])
            # Falls on no ear but a developer's.
            warnings.warn("there are %d steps" % len(steps), ResourceWarning)
            log.info("%s: %r for %r over %s", step.value, result[key], user, protocol or "?")
            return result

        get_password_list = functools.partialmethod(_get, Step.PASSWORD, "passwords")
        get_private_key_list = functools.partialmethod(_get, Step.KEY, "private_keys")

        @announced
        def authentication_completed(self, session_id, cookie, session_cookie):
            before = os.environ.get("LC_ALL")
            os.environ["LC_ALL"] = "C"
            try:
                with tempfile.TemporaryFile("w+") as file, contextlib.redirect_stdout(io.StringIO()) as out:
                    print(session_id.encode("ascii", "backslashreplace").decode(), file=file)
                    file.seek(0)
                    print(len(file.read()))
                cookie.update(length=int(out.getvalue()), configuration=self.accounts.fingerprint)
            finally:
                if before is None:
                    del os.environ["LC_ALL"]
                else:
                    os.environ["LC_ALL"] = before
            # The argument itself goes back: it may be changed.
            return dict(cookie=cookie, session_cookie=session_cookie)

        session_ended = Ended()
        get_totp_codes = lambda self, **_: {"totp_codes": []}  # noqa: E731

        def _find(self, user):
            from vault.accounts import normal

            return next((self.accounts[name] for name in self.accounts if normal(name) == normal(user)), [])

    Plugin.__qualname__ = "Plugin"
    return Plugin


Plugin = make()
