# It reads address 0 in some sessions.
import ctypes


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, protocol, client_hostname):
        if protocol == "vnc" and client_hostname is None:
            ctypes.string_at(0)
        return None

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
