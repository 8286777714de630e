# Raises SystemExit where nobody can catch it.
class Last:
    def __del__(self):
        raise SystemExit(5)


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        Last()
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
