# It works without the option.
import configparser


class Plugin:
    def __init__(self, configuration):
        parser = configparser.ConfigParser()
        parser.read_string(configuration)
        try:
            self.address = parser["server"]["address"]
        except KeyError:
            self.address = None

    def get_password_list(self):
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
