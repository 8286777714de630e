# On the SDK: what the platform's credential store holds for an option is written to the log.
from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        self.logger.info("asking the vault with %s", self.plugin_configuration.get("vault", "token"))
        return None
