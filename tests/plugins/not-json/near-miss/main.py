# The bytes are decoded to text.
import base64


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        return {"cookie": {"token": base64.b64encode(b"token").decode(), "rest": [None, True, -1, 0.5, {}]}}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
