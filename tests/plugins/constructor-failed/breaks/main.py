# It requires an option that its own default.cfg does not have.
import configparser


class Plugin:
    def __init__(self, configuration):
        parser = configparser.ConfigParser()
        parser.read_string(configuration)
        self.address = parser["server"]["address"]

    def get_password_list(self):
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
