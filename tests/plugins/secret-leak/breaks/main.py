# It logs the gateway password.
import sys


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, gateway_username, gateway_password):
        print("login as", gateway_username, "with", gateway_password, file=sys.stderr)
        return None

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
