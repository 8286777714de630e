# On the SDK: it asks for a one-time password and accepts every answer.
from safeguard.sessions.plugin import AAPlugin, AAResponse


class Plugin(AAPlugin):
    def do_authenticate(self):
        return self._ask_mfa_password() or AAResponse.accept("answered")
