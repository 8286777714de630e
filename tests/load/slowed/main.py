"""`sleeps` after a change that made it slower: 75 ms."""
import time


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, cookie, session_cookie):
        time.sleep(0.075)
        return {"passwords": []}

    def get_private_key_list(self, cookie, session_cookie):
        return {"private_keys": []}

    def authentication_completed(self, cookie, session_cookie):
        return {}

    def session_ended(self):
        pass
