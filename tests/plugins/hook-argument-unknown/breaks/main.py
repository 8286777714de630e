# A credential store gets gateway_username; gateway_user is what the other type of plugin gets.


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
