"""Every fifth session has no password, which is an error: four of five are carried."""
import os


class Plugin:
    def __init__(self, configuration):
        self._folder = os.environ["EPHEMERAL_PLUGIN_STATE_DIRECTORY"]

    def get_password_list(self, cookie, session_cookie):
        file = os.open(os.path.join(self._folder, "count"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        os.write(file, b".")
        if os.fstat(file).st_size % 5 == 0:
            raise LookupError("the vault has gone away")
        return {"passwords": []}

    def get_private_key_list(self, cookie, session_cookie):
        return {"private_keys": []}

    def authentication_completed(self, cookie, session_cookie):
        return {}

    def session_ended(self):
        pass
