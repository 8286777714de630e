# The constructor has no parameter.


class Plugin:
    def __init__(self):
        self.ready = True

    def get_password_list(self):
        return {"cookie": {"ready": self.ready}}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
