"""Does what a plugin must do and no more, so that what is measured is the way to it and back."""

PASSWORDS = {"root": "correct horse", "alice": "battery staple"}


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie, server_username, server_ip, gateway_username, **kwargs):
        password = PASSWORDS.get(server_username)
        count = cookie.get("count", 0) if isinstance(cookie.get("count", 0), int) else 0
        return {"passwords": [password] if password else [], "cookie": {"count": count + 1, "user": server_username}}

    def get_private_key_list(self, cookie, **kwargs):
        return {"private_keys": [], "cookie": cookie}

    def authentication_completed(self, session_id, cookie, **kwargs):
        return {"cookie": cookie}

    def session_ended(self, session_id, cookie, **kwargs):
        return None
