# A defect behind two comparisons with long constants and one with a key, each on another argument. The constants are put
# together when the module is loaded, so that none of the words in the code is one of them.
USER = "-".join(["break", "glass", "account"])
DOMAIN = ".".join(["vault", "corp", "invalid"])


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, session_id, cookie, session_cookie, gateway_username=None, gateway_domain=None, **rest):
        if gateway_username == USER:
            if gateway_domain == DOMAIN:
                if "".join(["to", "ken"]) in session_cookie:
                    return {"passwords": [session_cookie["missing"]]}
                return {"passwords": []}
        return {"passwords": ["x-ordinary-password"]}

    def get_private_key_list(self, session_id, cookie, session_cookie, **rest):
        return {"private_keys": []}

    def authentication_completed(self, session_id, cookie, session_cookie):
        return {}

    def session_ended(self, session_id, cookie, session_cookie):
        return None
