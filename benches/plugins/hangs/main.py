"""Never ends where a port has no next one."""


class Plugin:
    def get_password_list(self, server_port, server_username, **kwargs):
        slot = server_port
        while slot % 7 and slot != 0:
            slot = min(slot + 1, 65535)
        return {"passwords": ["%s-%d" % (server_username, slot)]}

    def get_private_key_list(self, cookie, **kwargs):
        return {"private_keys": [], "cookie": cookie}

    def authentication_completed(self, session_id, cookie, **kwargs):
        return {"cookie": cookie}

    def session_ended(self, session_id, cookie, **kwargs):
        return None
