# Each session leaves a daemon behind: forked twice, in sessions of its own. No process may survive the host.
import os


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                try:
                    os.execvp("sleep", ["sleep", "5"])
                finally:
                    os._exit(127)
            os._exit(0)
        os.wait()
