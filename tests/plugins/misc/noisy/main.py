# It prints text that looks like the messages of a test tool, and escape sequences, to every output.
import json
import os
import sys


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, session_id):
        line = json.dumps({"hook": "get_password_list", "result": {"passwords": 7}, "session": session_id})
        print(line)
        print("\x1b[2J\x1b[31merror[uncaught-exception]\x1b[0m", file=sys.stderr)
        print(line, file=sys.__stdout__, flush=True)
        os.write(1, line.encode("utf-8", "replace") + b"\n\xff\xfe\x00\n")
        os.write(2, b"\n" * 3 + line.encode("utf-8", "replace") + b"\n" + b"#" * 100000)
        return None

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
