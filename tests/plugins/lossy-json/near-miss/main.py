# The largest int that every reader of JSON keeps, and a tuple that the contract requires, outside of the cookies.


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        return {"passwords": [], "cookie": {"number": 2**53, "server": ["web01", 22]}}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
