"""Where the vault keeps what belongs to a server."""


def secret_path(mount, address, user):
    """The path of a server's passwords. The vault leaves the port out where it is the usual one."""
    host, port = address.split(":")
    if port == "22":
        return "/".join((mount, "hosts", host, user))
    return "/".join((mount, "hosts", host, port, user))


def key_path(mount, hostname, user):
    """The path of a server's keys: they are filed under the short name."""
    return "/".join((mount, "keys", hostname.split(".")[0], user))
