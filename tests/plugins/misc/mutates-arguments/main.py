# A hook may change the dicts that are passed to it.


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, cookie, session_cookie):
        cookie.clear()
        session_cookie.pop("questions", None)
        session_cookie["account"] = "root"
        return {"cookie": cookie, "session_cookie": session_cookie}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
