# Returns lists nested a hundred thousand deep.
class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        nested = []
        for _ in range(100_000):
            nested = [nested]
        return {"cookie": {"n": nested}}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
