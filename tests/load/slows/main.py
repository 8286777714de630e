"""Takes 1 ms longer with each password that was ever asked for, and leaves a file each time."""
import os
import time


class Plugin:
    def __init__(self, configuration):
        self._folder = os.environ["EPHEMERAL_PLUGIN_STATE_DIRECTORY"]

    def get_password_list(self, cookie, session_cookie, session_id):
        before = len(os.listdir(self._folder))
        with open(os.path.join(self._folder, f"{os.getpid()}-{time.monotonic_ns()}"), "w"):
            pass
        time.sleep(0.001 * before)
        return {"passwords": []}

    def get_private_key_list(self, cookie, session_cookie):
        return {"private_keys": []}

    def authentication_completed(self, cookie, session_cookie):
        return {}

    def session_ended(self):
        pass
