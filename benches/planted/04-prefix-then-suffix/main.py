"""Takes names as a directory writes them: `uid=NAME,ou=UNIT`. The unit for guests is configured.

Planted: guests have accounts of a kind that was never written. A prefix is checked, then a suffix that no constant
of the code holds whole.
"""
import configparser


class Plugin:
    def __init__(self, configuration):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(configuration)
        self.suffix = ",ou=" + parser.get("directory", "guests", fallback="guests")
        self.kinds = {"staff": self.staff}

    def get_password_list(self, gateway_username=None):
        if gateway_username and gateway_username.startswith("uid="):
            kind = "guest" if gateway_username.endswith(self.suffix) else "staff"
            return self.kinds[kind](gateway_username[4:])
        return None

    def staff(self, name):
        return {"passwords": ["thistle-gauge-9054"] if name == "jane.doe" else []}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
