# A password stays in a database in the state folder.
import os
import sqlite3


class Plugin:
    def get_password_list(self, server_username):
        password = "Copper-%d-Meadow" % sum(map(ord, server_username))
        with sqlite3.connect(os.path.join(os.environ["SCB_PLUGIN_STATE_DIRECTORY"], "leases.db")) as db:
            db.execute("create table if not exists leases (user text, password text)")
            db.execute("insert into leases values (?, ?)", ("user", password))
        return {"passwords": [password]}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
