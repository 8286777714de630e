# Switches off what tells where it is, and crashes.
import ctypes
import faulthandler
import signal


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        faulthandler.disable()
        faulthandler.unregister(signal.SIGUSR2)
        ctypes.string_at(0)

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
