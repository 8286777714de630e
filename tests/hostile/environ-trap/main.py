# Puts a trap where the environment is put back.
import os


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        class Trap(dict):
            def clear(self):
                while True:
                    pass

        os.putenv("TRAP", "1")
        os.environ = Trap()
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
