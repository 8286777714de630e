# The result is random.
import random


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        return {"passwords": [str(random.randrange(2**32))]}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
