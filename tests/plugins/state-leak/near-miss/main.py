# Two caches outlive the session, but the result does not depend on them.
import functools

SEEN = {}


@functools.lru_cache(maxsize=None)
def length(text):
    return len(text)


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, server_username):
        SEEN[server_username] = SEEN.get(server_username, 0) + 1
        return {"cookie": {"length": length(server_username)}}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
