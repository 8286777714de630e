# It calls sys.exit and catches SystemExit.
import sys


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        try:
            sys.exit(3)
        except SystemExit:
            return None

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
