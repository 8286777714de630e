# Passwords may be empty or in any script, and all keys may be absent.


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        return {"passwords": ["", "p\u00e4ssw\u00f6rd", "\U0001f511"]}

    def get_private_key_list(self):
        return {}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
