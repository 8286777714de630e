# The text in its cookie has the address of an object, which is another one in each process.
class Pool:
    pass


class Plugin:
    def get_password_list(self):
        return {"passwords": [], "cookie": {"from": "%r" % Pool()}}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
