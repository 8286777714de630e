# A daemon that leaves its session twice and goes on.
import os
import time


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(1e9)
                os._exit(0)
            os._exit(0)
        os.wait()

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
