# It logs the user's name, and of the password only whether there is one.
import sys


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, gateway_username, gateway_password):
        print("login as", gateway_username, "with", "***" if gateway_password else "nothing", file=sys.stderr)
        return {"passwords": [gateway_password] if gateway_password else []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
