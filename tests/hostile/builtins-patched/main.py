# Replaces builtins by what raises.
import builtins


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        def broken(*_, **__):
            raise RuntimeError("broken")

        for name in ("open", "len", "isinstance", "getattr", "print", "list", "dict", "str", "type", "__import__", "sorted", "set"):
            setattr(builtins, name, broken)
        return {"cookie": {"n": 1}}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
