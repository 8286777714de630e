# The names of two hooks are not quite right.
class Plugin:
    def get_password_list(self):
        return {"passwords": []}

    def getPrivateKeyList(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def sesion_ended(self):
        return None
