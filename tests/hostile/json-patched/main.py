# Replaces what json does.
import json


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        json.dumps = json.loads = json.JSONEncoder.encode = lambda *_, **__: 1 / 0
        return {"cookie": {"n": 1}}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
