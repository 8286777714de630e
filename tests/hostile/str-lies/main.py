# Returns text whose methods lie.
class Text(str):
    def __str__(self):
        return 1

    __repr__ = encode = __len__ = __eq__ = __str__
    __hash__ = str.__hash__


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        return {"passwords": [Text("x")]}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
