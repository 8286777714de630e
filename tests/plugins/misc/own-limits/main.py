# Each hook reaches a limit of hookstorm.
import os


class Plugin:
    def get_password_list(self, server_port):
        if server_port % 8 == 6:
            with open("large", "wb") as file:
                for _ in range(300):
                    file.write(bytes(1 << 20))
        return {"passwords": []}

    def get_private_key_list(self, server_port):
        if server_port % 8 == 6:
            self.files = [open(os.devnull) for _ in range(1100)]
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
