# Writes to every descriptor that there is.
import os
import random
import time


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        random.seed(1)
        for fd in range(256):
            for _ in range(4):
                try:
                    os.write(fd, random.randbytes(random.randrange(1, 64)))
                except OSError:
                    pass
        time.sleep(1e9)

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
