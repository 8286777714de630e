# It handles the error of an import that may fail.
try:
    import a_module_that_nobody_has
except ImportError:
    a_module_that_nobody_has = None


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
