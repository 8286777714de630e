# The result depends on what an earlier session asked for.
SEEN = []


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, server_username):
        SEEN.append(server_username)
        return {"cookie": {"calls": len(SEEN)}}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
