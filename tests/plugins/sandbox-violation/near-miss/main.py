# Sockets that connect to nothing, a numeric address that is only parsed, and files in the plugin's own folders.
import os
import socket
import tempfile


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self):
        socket.getaddrinfo("192.0.2.1", 443)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(b"x")
        with tempfile.TemporaryFile() as file, open(os.devnull, "w") as null:
            print("nothing", file=null)
            file.write(b"nothing")
        folder = os.environ["EPHEMERAL_PLUGIN_STATE_DIRECTORY"]
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "seen")
        with open(path, "w") as file:
            file.write("seen")
        os.remove(path)
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
