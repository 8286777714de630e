# A decorator without functools.wraps hides which arguments the hook takes.
def logged(function):
    def inner(self, *args, **kwargs):
        return function(self, *args, **kwargs)

    return inner


class Plugin:
    @logged
    def get_password_list(self, server_username):
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
