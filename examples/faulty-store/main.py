#!/usr/bin/env pluginwrapper3
"""Checks credentials out of a vault and gives them back when the session ends."""
import configparser
import logging
import sys

from lib.naming import key_path, secret_path
from lib.vault import VaultClient

logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
log = logging.getLogger("vault")


class Plugin:
    def __init__(self, configuration):
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        parser.read_string(configuration)
        self._vault = VaultClient(parser)
        self._mount = parser.get("vault", "mount", fallback="secret")

    def get_password_list(
        self, session_id, cookie, gateway_username, gateway_password, server_username, server_ip, server_port
    ):
        self._vault.login(gateway_username, gateway_password)
        path = secret_path(self._mount, "{}:{}".format(server_ip, server_port), server_username)
        passwords = self._vault.read(path)
        log.info("%d passwords at %s", len(passwords), path)
        cookie["lease"] = self._vault.lease(session_id, path)
        return {"passwords": passwords, "cookie": cookie}

    def get_private_key_list(self, session_id, cookie, server_username, server_hostname):
        path = key_path(self._mount, server_hostname, server_username)
        keys = self._vault.read(path)
        log.info("%d keys at %s", len(keys), path)
        cookie["lease"] = self._vault.lease(session_id, path)
        return {"private_keys": [("ssh-rsa", key) for key in keys], "cookie": cookie}

    def authentication_completed(self, session_id, cookie):
        cookie["receipt"] = self._vault.receipt(session_id, cookie.get("lease"))
        return {"cookie": cookie}

    def session_ended(self, session_id, cookie):
        self._vault.release(cookie["lease"])
        log.info("session %s gave its lease back", session_id)
