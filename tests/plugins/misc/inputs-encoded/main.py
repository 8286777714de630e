# It returns and logs what the session passed in, in several encodings: nothing of it is a secret.
import base64
import logging
import urllib.parse

logging.basicConfig(level=logging.INFO)


class Plugin:
    def get_password_list(self, session_id, server_username, server_hostname):
        pair = "%s:%s" % (server_username, server_hostname)
        made = [
            base64.b64encode(server_username.encode()).decode(),
            base64.urlsafe_b64encode(pair.encode()).decode(),
            session_id.encode().hex(),
            urllib.parse.quote(pair, safe=""),
            server_username[:8].upper(),
        ]
        logging.info("made %s", made)
        return {"passwords": made}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
