# The class has the hooks and another name.
class VaultPlugin:
    def get_password_list(self):
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
