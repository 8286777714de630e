"""An old branch office is reached by telnet on a port of its own.

Planted: the routes are put into the cookie as a set, which JSON cannot carry. Three nested comparisons on three
arguments stand before it.
"""

ROUTES = {"north", "harbour"}


class Plugin:
    def get_password_list(self, cookie=None, protocol=None, server_port=None, gateway_domain=None):
        if protocol == "telnet":
            if server_port == 9923:
                if gateway_domain == "BRANCH-OFFICE-07":
                    return {"passwords": [], "cookie": {"routes": ROUTES}}
        return {"passwords": [], "cookie": {"routes": []}}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
