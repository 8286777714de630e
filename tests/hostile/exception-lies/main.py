# Raises what raises when it is looked at.
class Lying(Exception):
    @property
    def __traceback__(self):
        raise RuntimeError

    def __str__(self):
        raise SystemExit(7)


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        raise Lying()

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
