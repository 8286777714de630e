# Every hook fails until the configuration names a server, as it does in good.cfg.
import configparser


class Plugin:
    def __init__(self, configuration):
        parser = configparser.ConfigParser()
        parser.read_string(configuration)
        self.parser = parser

    def get_password_list(self):
        return {"passwords": [], "cookie": self.hello()}

    def get_private_key_list(self):
        return {"private_keys": [], "cookie": self.hello()}

    def authentication_completed(self):
        return {"cookie": self.hello()}

    def session_ended(self):
        self.hello()

    def hello(self):
        return {"address": self.parser["server"]["address"]}
