# On the SDK with a proxy: each construction sets the same two environment variables. That is no state leak.
from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        return None
