# It needs 128 MB for a moment in some sessions, and it catches a MemoryError that it raises itself.


class Plugin:
    def __init__(self, configuration):
        pass

    def get_password_list(self, protocol):
        try:
            if protocol == "vnc":
                bytearray(128 << 20)
            raise MemoryError("of our own")
        except MemoryError:
            return None

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
