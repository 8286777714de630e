# The platform never passes the parameter, but it has a default.


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, gateway_user=None, *, asset=None):
        return None

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
