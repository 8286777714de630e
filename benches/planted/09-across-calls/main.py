"""Leases an account from a pool, and gives it back when the session ends.

Planted: a lease that was offered twice and never taken has no number to give back. It shows only across calls: the
pool's user is asked for, the target refuses the password, a second one is offered, and the user gives up. The cookie
is bound to the session, so that one from elsewhere opens nothing.
"""


class Plugin:
    def get_password_list(self, session_id, cookie=None, server_username=None):
        if server_username != "pool-lease-svc":
            return {"passwords": []}
        stage = "renewed" if self.stage(session_id, cookie) == "offered" else "offered"
        return {"passwords": ["juniper-slate-6642"], "cookie": {"session": session_id, "stage": stage}}

    def get_private_key_list(self, cookie=None):
        return {"private_keys": [], "cookie": cookie or {}}

    def authentication_completed(self, session_id, cookie=None):
        if self.stage(session_id, cookie):
            return {"cookie": {"session": session_id, "stage": "taken", "number": 7}}
        return None

    def session_ended(self, session_id, cookie=None):
        if self.stage(session_id, cookie) in ("renewed", "taken"):
            self.give_back(cookie["number"])

    @staticmethod
    def stage(session_id, cookie):
        if cookie and cookie.get("session") == session_id and isinstance(cookie.get("stage"), str):
            return cookie["stage"]
        return None

    @staticmethod
    def give_back(number):
        return number
