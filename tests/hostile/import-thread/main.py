# Starts a thread while it is imported.
import threading
import time

threading.Thread(target=time.sleep, args=(1e9,), daemon=True).start()


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
