# What it stores in its cookie comes back from JSON as another type.
import enum


class Step(str, enum.Enum):
    FIRST = "first"


class Plugin:
    def authenticate(self, cookie):
        return {"verdict": "ACCEPT", "cookie": {"step": Step.FIRST, "by_port": {22: "ssh"}}}

    def authorize(self, cookie, client_port):
        step = cookie.get("step")
        if step is not None and client_port % 2:
            return {"verdict": "ACCEPT", "reason": step.value}
        for port in cookie.get("by_port", {}):
            if port > 1024:
                return {"verdict": "DENY"}
        return {"verdict": "ACCEPT"}

    def session_ended(self):
        return None
