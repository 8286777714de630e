# On the SDK: it logs a password that the platform's credential store has for an option.
from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        self.logger.info("asking the vault with %s", self.plugin_configuration.get("vault", "token"))
        return None
