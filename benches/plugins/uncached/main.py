"""The plugin of `cached/` without its cache."""


def looked_up(key):
    return "password of " + repr(key)


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie, server_username, server_ip, **kwargs):
        return {"passwords": [looked_up((server_username, server_ip))], "cookie": {"user": server_username}}

    def get_private_key_list(self, cookie, **kwargs):
        return {"private_keys": [], "cookie": cookie}

    def authentication_completed(self, session_id, cookie, **kwargs):
        return {"cookie": cookie}

    def session_ended(self, session_id, cookie, **kwargs):
        return None
