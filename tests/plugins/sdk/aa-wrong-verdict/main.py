# On the SDK: a verdict that nobody knows.
from safeguard.sessions.plugin import AAPlugin


class Plugin(AAPlugin):
    def do_authenticate(self):
        return {"verdict": "MAYBE"}
