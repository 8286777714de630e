# On the SDK with a proxy: each construction writes the same two environment variables. No state leaks by that.
from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        return None
