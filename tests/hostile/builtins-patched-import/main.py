# Replaces builtins by what raises, while it is imported.
import builtins


def broken(*_, **__):
    raise RuntimeError("broken")


for name in ("open", "len", "isinstance", "getattr", "hasattr", "callable", "print", "sorted", "any", "set", "compile"):
    setattr(builtins, name, broken)


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
