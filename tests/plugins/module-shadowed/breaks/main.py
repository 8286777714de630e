#!/usr/bin/env pluginwrapper3
import select
import signal
import token


class Plugin:
    def get_password_list(self, server_username=None):
        return {"passwords": select.rows(server_username) + signal.LEVELS + token.ISSUED}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
