# Tells from inside what holds it: its process id, the limit on files, the size of its scratch folder.
import os
import resource


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie):
        scratch = os.statvfs(os.environ["TMPDIR"])
        return {
            "cookie": {
                "pid": os.getpid(),
                "seen": sum(name.isdigit() for name in os.listdir("/proc")),
                "file_bytes": resource.getrlimit(resource.RLIMIT_FSIZE)[0],
                "scratch_bytes": scratch.f_blocks * scratch.f_frsize,
            }
        }

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
