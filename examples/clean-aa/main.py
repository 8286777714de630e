#!/usr/bin/env pluginwrapper3
"""Authenticates users by a PIN from the configuration and authorizes them by group and ticket. Needs no SDK.

Both hooks may run several times: each verdict NEEDINFO asks one question, and the next call finds the answer in
`key_value_pairs`, where it stays. A client that knows the keys sends the answers beforehand and is asked nothing.
"""
import configparser
import hmac
import logging
import re
import sys

logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
log = logging.getLogger("clean_aa")

ATTEMPTS_LIMIT = 3
TICKET = re.compile(r"[A-Z]{2,5}-[0-9]{1,9}")


class Plugin:
    def __init__(self, configuration):
        self._parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        self._parser.optionxform = str
        self._parser.read_string(configuration)

    def authenticate(self, cookie, key_value_pairs, gateway_user=None, server_username=None, target_username=None):
        user = user_of(key_value_pairs, gateway_user, server_username or target_username)
        if not user:
            return deny("nobody said who connects", "Tell your user name")

        attempt = attempts(cookie)
        while attempt < ATTEMPTS_LIMIT:
            # Answers stay in the pairs for good, so every attempt has a key of its own.
            key = "pin" if attempt == 0 else "pin_{}".format(attempt + 1)
            if key not in key_value_pairs:
                prompt = "PIN: " if attempt == 0 else "Wrong. Once more, PIN: "
                return {
                    "verdict": "NEEDINFO",
                    "question": (key, prompt, True),
                    "cookie": {"attempts": attempt, "user": user},
                }
            attempt += 1
            if self._pin_is_right(user, key_value_pairs[key]):
                log.info("%s authenticated at attempt %d", user, attempt)
                return self._accept(user, gateway_user)
        log.info("%s had %d wrong PINs", user, attempt)
        return deny("wrong PIN", "Authentication failed")

    def authorize(
        self,
        cookie,
        session_cookie,
        key_value_pairs,
        gateway_user=None,
        gateway_groups=None,
        server_username=None,
        target_username=None,
    ):
        # The cookie is empty again after a call that was cut off.
        user = text(cookie.get("user")) or user_of(key_value_pairs, gateway_user, server_username or target_username)
        allowed = set(self._list("access", "groups"))
        if allowed and not allowed.intersection(gateway_groups or ()):
            log.info("%s is in none of the groups that may connect", user)
            return deny("not in a group that may connect", "You may not connect here")

        if not self._parser.getboolean("access", "ask_ticket", fallback=True):
            return {"verdict": "ACCEPT", "additional_metadata": "no ticket was asked for"}
        ticket = key_value_pairs.get("ticket")
        if ticket is None:
            return {"verdict": "NEEDINFO", "question": ("ticket", "Which ticket is it for? ", False)}
        if not TICKET.fullmatch(ticket):
            return deny("malformed ticket", "A ticket looks like letters, a dash and digits")
        # The credential store of this session finds the ticket among the answers. What others wrote stays.
        questions = session_cookie.get("questions")
        answers = dict(questions) if isinstance(questions, dict) else {}
        answers["ticket"] = ticket
        return {
            "verdict": "ACCEPT",
            "additional_metadata": "ticket checked",
            "session_cookie": dict(session_cookie, questions=answers),
        }

    def session_ended(self, session_id):
        log.info("session %s ended", session_id)

    def _accept(self, user, gateway_user):
        verdict = {"verdict": "ACCEPT", "additional_metadata": "by PIN", "cookie": {"user": user}}
        if not gateway_user:
            verdict["gateway_user"] = user
            verdict["gateway_groups"] = self._list("access", "groups")
        return verdict

    def _pin_is_right(self, user, answer):
        pin = self._parser.get("pins", user, fallback=None) if self._parser.has_section("pins") else None
        # Bytes, since `compare_digest` takes no text beyond ASCII; compared even where the user has no PIN.
        same = hmac.compare_digest(answer.encode("utf-8", "replace"), (pin or "").encode("utf-8", "replace"))
        return bool(pin) and same

    def _list(self, section, option):
        return [item.strip() for item in self._parser.get(section, option, fallback="").split(",") if item.strip()]


def user_of(key_value_pairs, gateway_user, server_user):
    """Who connects, as far as anybody has said."""
    return gateway_user or key_value_pairs.get("gu") or key_value_pairs.get("username") or server_user


def attempts(cookie):
    """How many PINs were wrong so far; 0 if the cookie does not say."""
    count = cookie.get("attempts")
    return count if type(count) is int and 0 <= count < ATTEMPTS_LIMIT else 0


def text(value):
    return value if isinstance(value, str) else None


def deny(metadata, reason):
    return {"verdict": "DENY", "additional_metadata": metadata, "reason": reason}
