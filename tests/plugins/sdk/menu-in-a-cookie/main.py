# A word of its own code leads to tuples in its cookie.
from safeguard.sessions.plugin import AAPlugin, AAResponse
from safeguard.sessions.plugin.plugin_base import cookie_property


class Plugin(AAPlugin):
    @cookie_property
    def _menu(self):
        return []

    def do_authenticate(self):
        if self.mfa_password == "?menu":
            self._menu = [("sms", 1), ("call", 2)]
            return AAResponse.need_info("1) sms\n2) call\n", "choice")
        return AAResponse.accept()

    def do_authorize(self):
        return AAResponse.accept()
