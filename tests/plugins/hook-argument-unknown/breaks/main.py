# The platform passes gateway_username to a credential store, and gateway_user only to the other type of plugin.


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, gateway_user):
        return None

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
