"""Accounts of machines end with a dollar sign; those of the old domain are 16 characters before it.

Planted: the old domain's table was emptied, and what is not found there is handed out as None.
"""

MACHINES = {"SRV1$": "bramble-tonic-5560", "DB01$": "glacier-hinge-7313"}
OLD_MACHINES = {}


class Plugin:
    def get_password_list(self, server_username=None):
        name = server_username or ""
        if len(name) == 17 and name.endswith("$"):
            return {"passwords": [OLD_MACHINES.get(name)]}
        password = MACHINES.get(name)
        return {"passwords": [password] if password else []}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
