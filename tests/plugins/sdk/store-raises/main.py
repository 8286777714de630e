# On the SDK: the hook is inherited, but the plugin's own code raises.
from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        return {"passwords": ["kept for " + self.connection.server_domain]}
