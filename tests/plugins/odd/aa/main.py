#!/usr/bin/env pluginwrapper3
"""Legal, though few would write it so: one generator holds the whole dialogue. Each call runs it again from the
beginning and gives it the answers that are there already, inside an event loop.
"""
import asyncio
import dataclasses
import ipaddress
import re
import sys
import typing
import unicodedata


class Ask(typing.NamedTuple):
    key: str
    prompt: str
    disable_echo: bool = False


@dataclasses.dataclass(frozen=True)
class Verdict:
    verdict: str
    additional_metadata: typing.Optional[str] = None
    reason: typing.Optional[str] = None

    def as_dict(self):
        return {key: value for key, value in vars(self).items() if value is not None}


ACCEPT, DENY = Verdict("ACCEPT", "answered"), Verdict("DENY", "not answered", "Sorry")
# Bounded in every part, so that it takes linear time.
FLOOR = re.compile(r"(?P<sign>[+-]?)(?P<digits>\d{1,3})", re.VERBOSE | re.ASCII)


class Settings(dict):
    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Plugin(object):
    def __new__(cls, *arguments):
        plugin = super().__new__(cls)
        plugin.settings = Settings(floor="3", rooms="red")
        return plugin

    def __init__(self, configuration=None):
        for line in (configuration or "").splitlines():
            name, equals, value = line.partition("=")
            if equals:
                self.settings[name.strip()] = value.strip()

    def authenticate(self, *, key_value_pairs, cookie, gateway_user, client_ip, **rest):
        async def dialogue():
            await asyncio.sleep(0)
            return self.go_through(self.floor(client_ip), key_value_pairs)

        verdict = asyncio.run(dialogue())
        if verdict["verdict"] == "ACCEPT":
            # A tuple is a list after JSON; nothing reads it as anything else.
            verdict["cookie"] = dict(cookie, rooms=self.settings.rooms.split(", "))
            if gateway_user is None:
                verdict.update(gateway_user=plain(key_value_pairs.get("username", "")) or "guest", gateway_groups=())
        return verdict

    def authorize(self, cookie, session_cookie, key_value_pairs, **rest):
        rooms = cookie.get("rooms") or self.settings.rooms.split(", ")
        verdict = self.go_through(self.room(rooms), key_value_pairs)
        if verdict["verdict"] != "NEEDINFO" and not rest.get("gateway_groups"):
            return None
        return {**verdict, "session_cookie": session_cookie}

    def session_ended(self, **arguments):
        sys.stderr.write("ended: %s\n" % plain(arguments["session_id"]))

    def go_through(self, steps, answers):
        answer = None
        try:
            while True:
                step = steps.send(answer)
                if isinstance(step, Verdict):
                    return step.as_dict()
                if step.key not in answers:
                    return {"verdict": "NEEDINFO", "question": step}
                answer = answers[step.key]
        except StopIteration:
            return DENY.as_dict()

    def floor(self, client_ip):
        try:
            private = ipaddress.ip_address(client_ip.partition("%")[0]).is_private
        except ValueError:
            private = False
        told = yield Ask("floor", "Which floor are you on? ")
        match = FLOOR.fullmatch(told.strip())
        if match is None:
            told = yield Ask("floor_again", "In digits, please: ")
            match = FLOOR.fullmatch(told.strip())
        if match is None:
            return
        number = int(match["digits"]) * (-1 if match["sign"] == "-" else 1)
        yield ACCEPT if private or number == int(self.settings.floor) else DENY

    def room(self, rooms):
        told = yield Ask("room", "Which room? ")
        folded = unicodedata.normalize("NFKC", told).casefold().strip()
        yield ACCEPT if folded in {room.casefold() for room in rooms} else DENY


def plain(text):
    """Without what would break the line of a log."""
    return "".join(character if character.isprintable() else "?" for character in text)
