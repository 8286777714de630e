"""The client of the vault. Its server is imaginary: what it would hold stands in the configuration."""
import base64
import hashlib
import hmac
import logging

log = logging.getLogger("vault.client")


class VaultClient:
    def __init__(self, parser):
        self._namespace = parser.get("vault", "namespace", fallback="root")
        self._signing_key = parser.get("vault", "signing_key", fallback="").encode()
        self._secrets = dict(parser.items("secrets")) if parser.has_section("secrets") else {}
        self._token = None

    def login(self, user, password):
        """Logs in as the user of the gateway, if there is one; the vault lets others read what is public."""
        request = {"namespace": self._namespace, "user": user, "password": password}
        log.info("login: %s", request)
        self._token = self._sign("{}/{}".format(self._namespace, user)) if user else None

    def read(self, path):
        """The secrets at `path`, newest first."""
        secret = self._secrets.get(path.lower(), "")
        return [line for line in secret.splitlines() if line]

    def lease(self, session_id, path):
        """Borrows what lies at `path` for the time of a session."""
        return self._sign("{}/{}".format(session_id, path)).hex()

    def receipt(self, session_id, lease):
        """What proves to the vault that the session used its lease."""
        return base64.b64encode(self._sign("{}/{}".format(session_id, lease)))

    def release(self, lease):
        """Gives a lease back."""
        log.info("release: %s", lease)

    def _sign(self, message):
        return hmac.new(self._signing_key, message.encode(), hashlib.sha256).digest()
