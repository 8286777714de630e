# **kwargs gets every argument; the cookie lists them.


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, **kwargs):
        return {"cookie": {"arguments": sorted(kwargs)}}

    def get_private_key_list(self, session_id, **kwargs):
        return {"cookie": {"arguments": sorted(kwargs)}}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
