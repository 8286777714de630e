# Overflows the stack of C: a function of C that calls Python that calls it.
import ctypes
import sys


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        sys.setrecursionlimit(10**9)

        @ctypes.CFUNCTYPE(None)
        def again():
            again()

        again()

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
