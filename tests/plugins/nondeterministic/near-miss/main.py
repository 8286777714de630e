# It uses random numbers and the clock, but what the platform acts on does not depend on them.
import random
import time


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        choice = random.choice([time.time(), 1])
        return {"cookie": {"chosen": choice is not None, "token": random.random(), "since": time.time()}}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
