#!/usr/bin/env pluginwrapper3
"""Legal, though few would write it so: on the Plugin SDK, with mix-ins, class decorators, lazy and cookie properties, a
logger that adds to each record, and hooks that are taken over one by one.
"""
import abc
import logging
import re
from contextlib import ExitStack
from itertools import count, islice

from safeguard.sessions.plugin import CredentialStorePlugin
from safeguard.sessions.plugin.plugin_base import cookie_property, lazy_property

WORD = re.compile(r"\w+")


class WithStep(logging.LoggerAdapter):
    def process(self, msg, kwargs):
        return "[%s] %s" % (self.extra["step"], msg), kwargs


class Finder(abc.ABC):
    @abc.abstractmethod
    def find(self, name): ...


class ConfiguredFinder(Finder):
    def __init__(self, configuration):
        self._configuration = configuration

    def find(self, name):
        found = self._configuration.get("passwords", name, default=None)
        yield from filter(None, [found])


class Steps:
    """A mix-in: numbers the steps of a session, in its cookie."""

    @cookie_property
    def steps(self):
        return []

    def step(self, name):
        # A copy from an older version of the plugin may hold anything.
        if not isinstance(self.steps, list):
            self.steps = []
        self.steps.append({"number": len(self.steps) + 1, "name": name})
        del self.steps[:-8]
        return WithStep(self.logger, {"step": name})


def quiet(cls):
    """A class decorator: the hooks of the SDK that the plugin does not serve give nothing."""
    cls.do_get_remote_app_credentials = lambda self: {}
    cls.do_get_totp_codes = lambda self: {"totp_codes": []}
    return cls


@quiet
class Plugin(Steps, CredentialStorePlugin):
    def __init__(self, configuration, *arguments, **options):
        super().__init__(configuration, *arguments, **options)
        self._numbers = count(1)

    @lazy_property
    def finder(self):
        return ConfiguredFinder(self.plugin_configuration)

    @lazy_property
    def greeting(self):
        return self.plugin_configuration.get("odd", "greeting", required=True)

    def do_get_password_list(self):
        log = self.step("password")
        log.debug("%s", self.greeting)
        names = WORD.findall(str(self.connection.server_username))
        with ExitStack() as stack:
            stack.callback(log.info, "looked for %d names", len(names))
            name = next(islice(names, 0, 1), None)
            return {"passwords": list(self.finder.find(name.lower())) if name else []}

    def do_get_private_key_list(self):
        self.step("key").debug("there are no keys")
        return {}

    def do_authentication_completed(self):
        self.step("authentication").info("step %d of this call", next(self._numbers))

    def do_check_in_credential(self):
        self.step("check-in").info("%r", self.account is not None)

    def do_session_ended(self):
        with_name = {step["name"] for step in self.steps if isinstance(step, dict)}
        self.step("end").info("steps: %s", ", ".join(sorted(with_name)))
