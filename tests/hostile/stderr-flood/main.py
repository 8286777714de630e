# Writes ten gigabytes to standard error.
import os


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        block = b"x" * (1 << 20)
        for _ in range(10 << 10):
            os.write(2, block)

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
