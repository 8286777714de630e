# A subclass of dict is a dict, and the platform drops what session_ended returns.
import collections


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        return collections.OrderedDict(passwords=[])

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return "over"
