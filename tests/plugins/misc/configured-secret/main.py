# It compares an argument with a secret option, and logs the argument: no session contains the secret.
import configparser
import logging

logging.basicConfig(level=logging.INFO)


class Plugin:
    def __init__(self, configuration):
        self.options = configparser.ConfigParser()
        self.options.read_string(configuration)

    def get_password_list(self, server_username):
        if server_username == self.options.get("vault", "password", fallback=""):
            return {"passwords": []}
        logging.info("no such user: %s", server_username)
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
