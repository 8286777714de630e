# Returns an object that says that it is a dict.
class Liar:
    __class__ = dict

    def __getattr__(self, name):
        return self

    def __call__(self, *_):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        return Liar()

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
