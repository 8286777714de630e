"""Members of one group get another account's password.

Planted: `gateway_groups` is None where the gateway asked nobody, and the plugin forgets that.
"""

PASSWORDS = {"database": "acorn-velvet-4410", "system": "harbour-mint-0921"}


class Plugin:
    def get_password_list(self, server_username=None, gateway_groups=None):
        if not server_username:
            return None
        groups = [group.lower() for group in gateway_groups]
        account = "database" if "dba" in groups else "system"
        return {"passwords": [PASSWORDS[account]]}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
