# Says the worker's words to the host on every socket that it finds.
import os
import time


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        for fd in range(256):
            for word in (b"d", b"r", b"l", b"x\0\0\0\0", b"Z" * 9):
                try:
                    os.write(fd, word)
                except OSError:
                    pass
        time.sleep(1e9)

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
