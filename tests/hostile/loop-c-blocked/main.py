# Loops for ever in C, with every signal blocked.
import signal


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        return {"passwords": [str(sum(range(10**18)))]}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
