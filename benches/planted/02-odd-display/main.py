"""Tells VNC servers apart by their display, which is their port less 5900.

Planted: only the first displays are listed, and a VNC server may listen anywhere.
"""

PASSWORDS = ("lantern-ridge-77", "copper-quill-12", "meadow-sprint-58")


class Plugin:
    def get_password_list(self, protocol=None, server_port=None):
        if protocol == "vnc" and server_port:
            return {"passwords": [PASSWORDS[server_port - 5900]]}
        return {"passwords": []}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
