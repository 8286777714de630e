# Nothing catches the exception of a request that fails.
import requests
from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        answer = requests.post("https://safe.example.com:8443/login", json={"user": self.account}, timeout=3)
        return {"passwords": [answer.json()["password"]]}

    def do_get_private_key_list(self):
        return {"private_keys": []}
