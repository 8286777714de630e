"""Nightly jobs come from a port below 1024, which tells their slot.

Planted: there are slots for most of these ports only. A user's name is compared, then a number must lie in a range.
"""

SLOTS = ("22:00", "23:00", "00:00", "01:00", "02:00", "03:00")


class Plugin:
    def authenticate(self, gateway_user=None):
        return {"verdict": "ACCEPT"}

    def authorize(self, gateway_user=None, client_port=None):
        if gateway_user != "nightly-batch":
            return {"verdict": "ACCEPT"}
        if client_port is None or not 512 <= client_port < 1024:
            return {"verdict": "DENY", "additional_metadata": "not from a privileged port"}
        slot = SLOTS[(client_port - 512) // 64]
        return {"verdict": "ACCEPT", "additional_metadata": "slot " + slot}

    def session_ended(self):
        return None
