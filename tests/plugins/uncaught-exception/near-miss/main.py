# It raises an exception and catches it.


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, server_hostname):
        try:
            host = server_hostname.split(".")[0]
        except AttributeError:
            host = ""
        return {"cookie": {"host": host}}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
