# Leaves a child that kills everything a little later, by C.
import ctypes
import os
import signal
import time


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        parent = os.getppid()
        if os.fork() == 0:
            time.sleep(0.01)
            ctypes.CDLL(None).kill(parent, signal.SIGKILL)
            os._exit(0)
        return {"cookie": {"n": 1}}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
