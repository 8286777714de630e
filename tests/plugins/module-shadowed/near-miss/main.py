#!/usr/bin/env pluginwrapper3
from lib import token
from tokens import ISSUED


class Plugin:
    def get_password_list(self, server_username=None):
        return {"passwords": token.ISSUED + ISSUED}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
