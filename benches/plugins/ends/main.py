"""The plugin of `hangs/` without its loop."""


class Plugin:
    def get_password_list(self, server_port, server_username, **kwargs):
        slot = server_port
        return {"passwords": ["%s-%d" % (server_username, slot)]}

    def get_private_key_list(self, cookie, **kwargs):
        return {"private_keys": [], "cookie": cookie}

    def authentication_completed(self, session_id, cookie, **kwargs):
        return {"cookie": cookie}

    def session_ended(self, session_id, cookie, **kwargs):
        return None
