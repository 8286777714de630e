#!/usr/bin/env pluginwrapper3
"""A credential store on the Plugin SDK.

The SDK's inherited hooks trust some of what they are given. Three small overrides make them take everything that the
platform may pass: a session cookie that another plugin filled as it liked, a target without a domain, a cookie that
this plugin never returned.
"""
from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        return {"passwords": self._passwords(self.account, self.asset)}

    def do_get_private_key_list(self):
        name = self._listed_name("private_keys", self.account, self.asset)
        key = self.plugin_configuration.get_key("private_keys", name) if name else None
        return {"private_keys": [(key["type"], key["key"])] if key else []}

    def do_get_remote_app_credentials(self):
        return {
            "passwords": self._passwords(self.remote_app_account, self.remote_app_asset),
            "launch_information": self.plugin_configuration.get("remote_app", "launch_information"),
            "host_app": self.plugin_configuration.get("remote_app", "host_app", default=""),
        }

    def do_check_in_credential(self):
        self.logger.info("Checked in")
        self.account = self.asset = None
        self.remote_app_account = self.remote_app_asset = None

    def get_remote_app_credentials(self, session_cookie, **arguments):
        """`account` and `asset` in the session cookie are whatever another plugin put there: only text is of use.

        What the others wrote goes back as it came.
        """
        usable = {
            key: value
            for key, value in session_cookie.items()
            if key not in ("account", "asset") or isinstance(value, str)
        }
        result = super().get_remote_app_credentials(session_cookie=usable, **arguments)
        result["session_cookie"] = session_cookie
        return result

    def generate_domain_asset_mapping(self):
        """A target without a domain has no entry in the mapping; the parser knows text only."""
        return super().generate_domain_asset_mapping() if self.connection.server_domain else None

    def _setup_self(self, cookie, session_cookie, connection_info):
        """What this plugin can have put into its cookie is text, flags and the SDK's own dict of them."""
        own = plain_values(cookie)
        private = cookie.get("__plugin_sdk_private")
        own["__plugin_sdk_private"] = plain_values(private) if isinstance(private, dict) else {}
        super()._setup_self(own, session_cookie, connection_info)

    def _passwords(self, account, asset):
        name = self._listed_name("passwords", account, asset)
        secret = self.plugin_configuration.get("passwords", name, default="") if name else ""
        return [line for line in secret.splitlines() if line]

    def _listed_name(self, section, account, asset):
        """The option of `section` for that account and asset, None where it is not listed."""
        name = "{}@{}".format(account, asset).lower()
        return name if name in self.plugin_configuration.get_options(section) else None


def plain_values(values):
    return {key: value for key, value in values.items() if value is None or isinstance(value, (str, bool))}
