"""The user answers with a reference to a secret, `vlt://MOUNT/PATH#FIELD`, which another plugin passes on.

Planted: a reference without a slash passes the pattern and cannot be taken apart.
"""
import re

REFERENCE = re.compile(r"vlt://([A-Za-z0-9/_.-]+)#([A-Za-z0-9_]+)")
SECRETS = {("kv", "web/admin"): {"password": "saddle-prism-8127"}}


class Plugin:
    def get_password_list(self, session_cookie=None):
        questions = (session_cookie or {}).get("questions")
        if not isinstance(questions, dict):
            return None
        reference = questions.get("vault_reference")
        if not isinstance(reference, str):
            return None
        found = REFERENCE.fullmatch(reference)
        if not found:
            return None
        return {"passwords": self.fetch(*found.groups())}

    @staticmethod
    def fetch(place, field):
        mount, path = place.split("/", 1)
        secret = SECRETS.get((mount, path), {})
        return [secret[field]] if field in secret else []

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
