# Cuts what it wrote to standard output off, and makes it as long as it gets.
import os


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        print("x" * 1000)
        os.ftruncate(1, 0)
        print("y")
        try:
            os.ftruncate(1, 1 << 50)
        except OSError:
            pass
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
