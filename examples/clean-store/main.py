#!/usr/bin/env pluginwrapper3
"""A credential store that keeps its secrets in its configuration and needs no SDK.

It takes every value that the platform may pass: no host name where DNS has no answer, IPv6, a session that another
plugin has written into, a cookie that is empty again after a call was cut off.
"""
import configparser
import ipaddress
import logging
import sys

logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
log = logging.getLogger("clean_store")

# More checkouts than this in one session are counted no further.
CHECKOUTS_LIMIT = 1000


class Plugin:
    def __init__(self, configuration):
        # `=` alone separates: names of hosts may be IPv6 addresses. Names of users have upper and lower case.
        self._parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        self._parser.optionxform = str
        self._parser.read_string(configuration)

    def get_password_list(
        self,
        cookie,
        session_cookie,
        gateway_username=None,
        gateway_password=None,
        server_username=None,
        server_hostname=None,
        server_ip=None,
        target_username=None,
        target_host=None,
    ):
        user = server_username or target_username
        hosts = self._hosts(server_hostname, server_ip, target_host)
        if not self._ticket_is_there(session_cookie):
            log.info("no ticket was given: no password for %s", user)
            return {"passwords": [], "cookie": self._checked_out(cookie, 0)}

        secrets = self._secrets("passwords", user, hosts)
        passwords = [line for secret in secrets for line in secret.splitlines() if line]
        if not passwords and self._offers_gateway_password() and user == gateway_username and gateway_password:
            passwords = [gateway_password]
        log.info("%d passwords for %s on %s", len(passwords), user, ", ".join(hosts))
        return {"passwords": passwords, "cookie": self._checked_out(cookie, len(passwords))}

    def get_private_key_list(
        self,
        cookie,
        session_cookie,
        server_username=None,
        server_hostname=None,
        server_ip=None,
        target_username=None,
        target_host=None,
    ):
        user = server_username or target_username
        hosts = self._hosts(server_hostname, server_ip, target_host)
        keys = []
        if self._ticket_is_there(session_cookie):
            keys = [("ssh-rsa", secret.strip()) for secret in self._secrets("private_keys", user, hosts)]
        log.info("%d private keys for %s on %s", len(keys), user, ", ".join(hosts))
        return {"private_keys": keys, "cookie": self._checked_out(cookie, len(keys))}

    def authentication_completed(self, session_id, cookie):
        log.info("session %s: the server took a credential, %d were offered", session_id, self._checkouts(cookie))
        return {"cookie": {"checkouts": self._checkouts(cookie), "completed": True}}

    def session_ended(self, session_id, cookie):
        log.info("session %s ended, %d credentials were offered", session_id, self._checkouts(cookie))

    @staticmethod
    def _hosts(*names):
        """The names under which the target may be listed, each once."""
        hosts = []
        for name in names:
            host = normal_host(name) if name else None
            if host and host not in hosts:
                hosts.append(host)
        return hosts

    def _secrets(self, section, user, hosts):
        """The secrets that `section` lists for `user` on any of `hosts`."""
        if not user or not self._parser.has_section(section):
            return []
        listed = {}
        for name, secret in self._parser.items(section):
            # The last `@` counts: a user may be called alice@example.com.
            owner, _, host = name.rpartition("@")
            listed[owner, normal_host(host)] = secret
        return [listed[user, host] for host in hosts if (user, host) in listed]

    def _offers_gateway_password(self):
        return self._parser.getboolean("store", "offer_gateway_password", fallback=False)

    def _ticket_is_there(self, session_cookie):
        """Whether another plugin of the session has asked for a ticket, where one is demanded.

        What other plugins write there is up to them, so each step looks before it leaps.
        """
        if not self._parser.getboolean("store", "demand_ticket", fallback=False):
            return True
        questions = session_cookie.get("questions")
        ticket = questions.get("ticket") if isinstance(questions, dict) else None
        return isinstance(ticket, str) and ticket != ""

    @staticmethod
    def _checkouts(cookie):
        """How many credentials this session was offered so far; 0 if the cookie does not say."""
        count = cookie.get("checkouts")
        return count if type(count) is int and 0 <= count <= CHECKOUTS_LIMIT else 0

    def _checked_out(self, cookie, more):
        return {"checkouts": min(self._checkouts(cookie) + more, CHECKOUTS_LIMIT), "completed": False}


def normal_host(name):
    """A host as it is compared: addresses in their short form, names in lower case and without the last dot."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower().rstrip(".")
