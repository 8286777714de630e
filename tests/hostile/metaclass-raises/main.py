# Returns an object whose type cannot be named.
class Meta(type):
    def __getattribute__(cls, name):
        raise RuntimeError(name)


class Strange(metaclass=Meta):
    pass


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        return {"passwords": Strange()}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
