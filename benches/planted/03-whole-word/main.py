"""One account for emergencies is kept apart from all others.

Planted: its password was moved elsewhere, and nobody took the branch out. The name is 20 characters, compared whole.
"""

EMERGENCY = "emergency-root-emea7"
PASSWORDS = {"root": "plum-orbit-3318", "admin": "walnut-drift-2606"}


class Plugin:
    def get_password_list(self, server_username=None):
        if server_username == EMERGENCY:
            return {"passwords": [PASSWORDS["emergency"]]}
        password = PASSWORDS.get(server_username)
        return {"passwords": [password] if password else []}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
