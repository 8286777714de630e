# On the SDK: the hook is inherited, the fault is ours.
from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        return {"passwords": ["kept for " + self.connection.server_domain]}
