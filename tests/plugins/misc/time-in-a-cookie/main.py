# It compares a time without a zone, which it keeps in its cookie, with one that has a zone.
from datetime import datetime, timezone


class Plugin:
    def get_password_list(self, cookie):
        return {"passwords": [], "cookie": {"since": datetime.utcnow().isoformat()}}

    def get_private_key_list(self, cookie):
        return {"private_keys": [], "cookie": cookie}

    def authentication_completed(self, cookie):
        since = cookie.get("since")
        if isinstance(since, str) and len(since) > 9 and datetime.now(timezone.utc) > datetime.fromisoformat(since):
            return {"cookie": {}}
        return None

    def session_ended(self):
        return None
