# It uses threads, child processes, descriptors and files, and ends or removes all; a file in the state folder may stay.
import os
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor


class Cycle:
    def __init__(self):
        self.me = self
        self.file = tempfile.TemporaryFile()


class Plugin:
    def __init__(self, configuration):
        self.left_to_the_end = os.path.join(tempfile.gettempdir(), "session.json")

    def get_password_list(self):
        thread = threading.Thread(target=threading.Event().wait, args=(0.001,))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(len, ["a", "b"]))
        with open(self.left_to_the_end, "w") as file:
            file.write("{}")
        return {"passwords": []}

    def get_private_key_list(self):
        subprocess.run(["true"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x")
        return {"private_keys": []}

    def authentication_completed(self):
        Cycle()
        with open(os.path.join(os.environ["SCB_PLUGIN_STATE_DIRECTORY"], "seen"), "w") as file:
            file.write("x")
        return None

    def session_ended(self):
        import random
        import secrets
        import ssl

        ssl.create_default_context()
        secrets.token_bytes(random.randint(1, 8))
        if os.path.exists(self.left_to_the_end):
            os.remove(self.left_to_the_end)
        return None
