"""Asks for an enrolment code and lets those who know it in, officers after their approver was looked up.

Planted: officers have no approver. The code stands in the source backwards, so that only who sees what the answer is
compared with knows it; then the other hook must be reached with the cookie and with one group.
"""

BACKWARDS = "9482-yrtne-yvi"
APPROVERS = {"auditors": "mary.ann", "operators": "j.smith2"}


class Plugin:
    def authenticate(self, session_id, key_value_pairs=None):
        answer = (key_value_pairs or {}).get("enrolment_code")
        if answer is None:
            return {"verdict": "NEEDINFO", "question": ("enrolment_code", "Enrolment code: ", False)}
        if answer == BACKWARDS[::-1]:
            return {"verdict": "ACCEPT", "cookie": {"session": session_id, "enrolled": True}}
        return {"verdict": "DENY", "additional_metadata": "wrong enrolment code"}

    def authorize(self, session_id, cookie=None, gateway_groups=None):
        if not cookie or cookie.get("session") != session_id or cookie.get("enrolled") is not True:
            return {"verdict": "ACCEPT"}
        for group in gateway_groups or ():
            if group in ("auditors", "operators", "pki-officers"):
                return {"verdict": "ACCEPT", "additional_metadata": "approver " + APPROVERS[group]}
        return {"verdict": "DENY", "additional_metadata": "in no group that enrols"}

    def session_ended(self):
        return None
