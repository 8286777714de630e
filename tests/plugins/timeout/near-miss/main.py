# It is busy for a moment.


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        for _ in range(1000):
            pass
        return None

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
