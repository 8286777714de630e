# Returns a dict that changes while it is read.
class Changing(dict):
    def _change(self, *_):
        self[len(self)] = b"x"
        return iter(())

    __iter__ = keys = values = items = get = __getitem__ = __len__ = _change


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        return Changing(cookie={"n": 1})

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
