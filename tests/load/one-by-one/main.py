"""Carries 50 passwords a second and no more: each holds a lock for 20 ms."""
import fcntl
import os
import time


class Plugin:
    def __init__(self, configuration):
        self._path = os.path.join(os.environ["SCB_PLUGIN_STATE_DIRECTORY"], "lock")

    def get_password_list(self, cookie, session_cookie):
        with open(self._path, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            time.sleep(0.02)
        return {"passwords": []}

    def get_private_key_list(self, cookie, session_cookie):
        return {"private_keys": []}

    def authentication_completed(self, cookie, session_cookie):
        return {}

    def session_ended(self):
        pass
