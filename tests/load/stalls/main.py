"""Everybody waits for one who holds a lock for 2 s, once: at the hundredth password."""
import fcntl
import os
import time


class Plugin:
    def __init__(self, configuration):
        self._path = os.path.join(os.environ["SCB_PLUGIN_STATE_DIRECTORY"], "count")

    def get_password_list(self, cookie, session_cookie):
        with open(self._path, "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            count = len(file.read()) + 1
            file.write(".")
            if count == 100:
                time.sleep(2)
        return {"passwords": []}

    def get_private_key_list(self, cookie, session_cookie):
        return {"private_keys": []}

    def authentication_completed(self, cookie, session_cookie):
        return {}

    def session_ended(self):
        pass
