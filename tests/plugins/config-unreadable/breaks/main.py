# It reads INI, and nothing is wrong with this module.
import configparser


class Plugin:
    def __init__(self, configuration):
        self.parser = configparser.ConfigParser()

    def get_password_list(self):
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
