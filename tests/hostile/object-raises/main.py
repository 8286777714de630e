# Returns an object whose every method raises or loops.
class Odd:
    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        while True:
            pass

    __str__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __repr__


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        return {"passwords": Odd()}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
