# On the SDK: an unknown verdict.
from safeguard.sessions.plugin import AAPlugin


class Plugin(AAPlugin):
    def do_authenticate(self):
        return {"verdict": "MAYBE"}
