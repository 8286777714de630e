# One secret leaks in five places: two functions, three levels, the output and an exception.
import logging

logging.basicConfig(level=logging.DEBUG)
log = logging.getLogger("vault")


def fetch(user, password):
    log.error("GET https://vault.example/%s?password=%s failed", user, password)


class Plugin:
    def get_password_list(self, gateway_username, gateway_password, server_username):
        log.info("login of %s with %s", gateway_username, gateway_password)
        log.debug("bound with %s", gateway_password)
        fetch(server_username, gateway_password)
        print("login", gateway_password)
        if gateway_password and len(gateway_password) > 5:
            raise PermissionError("wrong password %s" % gateway_password)
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
