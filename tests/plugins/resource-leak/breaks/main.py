# All kinds of leftovers: a thread, a child process, a descriptor in a global and a file.
import subprocess
import tempfile
import threading

KEPT = []


def poll():
    threading.Event().wait()


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        threading.Thread(target=poll, name="poller", daemon=True).start()
        return {"passwords": []}

    def get_private_key_list(self):
        subprocess.Popen(["sleep", "1000"])
        return {"private_keys": []}

    def authentication_completed(self):
        KEPT.append(tempfile.TemporaryFile())
        return None

    def session_ended(self):
        tempfile.mkstemp(prefix="vault-", suffix=".json")
        return None
