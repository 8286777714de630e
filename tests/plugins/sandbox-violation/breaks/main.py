# It connects to a vault by its address, and handles the error.
import socket


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        try:
            with socket.create_connection(("192.0.2.1", 443), timeout=1):
                return {"passwords": ["from-the-vault"]}
        except OSError:
            return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
