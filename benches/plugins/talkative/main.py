#!/usr/bin/env pluginwrapper3
"""A credential store on the Plugin SDK that logs as most plugins do, and keeps a list of what it did in its cookie."""
from safeguard.sessions.plugin import CredentialStorePlugin
from safeguard.sessions.plugin.plugin_base import cookie_property


class Plugin(CredentialStorePlugin):
    @cookie_property
    def steps(self):
        return []

    def do_get_password_list(self):
        self.logger.info("Looking for the password of %s", self.account)
        password = self.plugin_configuration.get("passwords", str(self.account), default=None)
        self.steps.append({"step": "password", "account": self.account, "found": password is not None})
        return {"passwords": [password] if password else []}

    def do_get_private_key_list(self):
        self.logger.info("There is no key for %s", self.account)
        self.steps.append({"step": "key", "account": self.account, "found": False})
        return {"private_keys": []}

    def do_authentication_completed(self):
        self.logger.info("Logged in after %d steps", len(self.steps))
        self.steps.append({"step": "authentication", "session": self.session_id()})

    def do_session_ended(self):
        self.logger.info("The session has ended after %d steps", len(self.steps))
        self.steps.append({"step": "end", "session": self.session_id()})

    def session_id(self):
        return self.connection.session_id
