"""Each password takes 50 ms, and nothing else takes any time."""
import time


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, cookie, session_cookie):
        time.sleep(0.05)
        return {"passwords": []}

    def get_private_key_list(self, cookie, session_cookie):
        return {"private_keys": []}

    def authentication_completed(self, cookie, session_cookie):
        return {}

    def session_ended(self):
        pass
