# The SDK reads the percent sign in an option as the beginning of a reference.
from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        self.plugin_configuration.get("vault", "token")
        return {"passwords": []}

    def do_get_private_key_list(self):
        return {"private_keys": []}
