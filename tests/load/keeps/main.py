"""Keeps 64 KB, an open file and, every tenth time, a thread for each password: in one process they pile up."""
import threading

_kept = []


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, cookie, session_cookie):
        _kept.append(bytearray(65536))
        _kept.append(open("/dev/null"))
        if len(_kept) % 20 == 0:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        return {"passwords": []}

    def get_private_key_list(self, cookie, session_cookie):
        return {"private_keys": []}

    def authentication_completed(self, cookie, session_cookie):
        return {}

    def session_ended(self):
        pass
