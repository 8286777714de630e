# The constructor opens a file that is not the plugin's own.
import sqlite3


class Plugin:
    def __init__(self):
        self.db = sqlite3.connect("/var/lib/accounts.sqlite")
        self.db.execute("create table if not exists accounts (name text)")

    def get_password_list(self):
        return {"passwords": []}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
