# A tuple in the cookie comes back as a list.


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        return {"cookie": {"server": ("web01", 22)}}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
