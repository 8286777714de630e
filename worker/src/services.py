"""The platform's services: fills the stand-ins that the Plugin SDK has outside of the appliance
(`safeguard.sessions.plugin_impl`).

A module of stand-ins is changed when it is imported, so that a plugin without the SDK costs nothing. The contents of a
session's services are filled in when the session begins and removed when it has ended. A plugin that changes a stand-in
changes it for itself only: the process is replaced after such a session."""

import builtins
import functools
import importlib.machinery
import importlib.util
import io
import json
import os
import re
import sys
import time

# The largest memory cache. The one of the platform drops entries too when it is full.
CACHE_BYTES = 1 << 20

IMPL = "safeguard.sessions.plugin_impl."


def _folded(key):
    return key.lower() if isinstance(key, str) else key


class Folded(dict):
    """A dict that ignores case, as a directory does."""

    def __init__(self, entries):
        super().__init__((_folded(key), value) for key, value in entries)

    def __contains__(self, key):
        return super().__contains__(_folded(key))

    def __getitem__(self, key):
        return super().__getitem__(_folded(key))

    def get(self, key, default=None):
        return super().get(_folded(key), default)


class Members(list):
    """The members of a group, which ignore case."""

    def __contains__(self, member):
        return any(_folded(known) == _folded(member) for known in self)


class Cache:
    """The memory cache, with the methods of Redis. All users share one, as on the appliance."""

    def __init__(self, *args, **kwargs):
        self.entries = {}

    def set(self, key, value, ex=None):
        if not isinstance(value, bytes):
            value = str(value).encode()
        key = key if isinstance(key, str) else str(key)
        self.entries.pop(key, None)
        if len(value) > CACHE_BYTES:
            return True
        self.entries[key] = value, None if ex is None else time.monotonic() + ex
        size = sum(len(key) + len(value) for key, (value, _) in self.entries.items())
        while size > CACHE_BYTES and self.entries:
            key = next(iter(self.entries))
            size -= len(key) + len(self.entries.pop(key)[0])
        return True

    def get(self, key):
        value, until = self.entries.get(key if isinstance(key, str) else str(key), (None, None))
        if until is not None and time.monotonic() >= until:
            return None
        return value


cache = Cache()
# The services of the session that runs.
current = {}
# (module, attribute, its content, which must still be there after a session, the function that fills it)
standins = []
scratch = [""]


def _credential_stores(stores):
    stores.clear()
    for name, users in current.get("credential_stores", {}).items():
        stores[name] = {
            user: {host: [(credential,) for credential in credentials] for host, credentials in hosts.items()}
            for user, hosts in users.items()
        }


def _user_lists(lists):
    lists.clear()
    lists.update((name, dict(content)) for name, content in current.get("user_lists", {}).items())


def _ldap_servers(servers):
    servers.clear()
    for name, server in current.get("ldap", {}).items():
        filled = servers[name] = {}
        if "users" in server:
            filled["users"] = Folded(server["users"].items())
        if "groups" in server:
            filled["groups"] = Folded((group, Members(members)) for group, members in server["groups"].items())


def _box_configuration(box):
    content = current.get("box_configuration", {})
    for key in ("gateway_fqdn", "starling_join_credential_string", "http_proxy"):
        box[key] = content.get(key)
    box["trusted_ca_lists_location"] = os.path.join(scratch[0], "trusted_ca_lists")
    box["trusted_ca_lists"] = {
        name: {
            "certs": list(content["certs"]),
            "crls": ["" for _ in content["certs"]],
            "config": {"strict_hostcheck": False},
            "name": name,
            "type": "x509v3-sign-rsa",
        }
        for name, content in current.get("trusted_ca_lists", {}).items()
    }


def _endpoints(tree):
    tree.clear()
    tree.update(current.get("box_configuration", {}).get("endpoints") or {})


def _take_box_configuration(module):
    _keep("stable_box_configuration", _box_configuration)(module)
    _keep("unstable_box_configuration", _endpoints)(module)


def _keep(attribute, fill):
    """Takes a module whose `attribute` is a dict that `fill` fills."""

    def take(module):
        content = getattr(module, attribute)
        fill(content)
        standins.append((module, attribute, content, fill))

    return take


def _take_memory_cache(module):
    module.FakeRedisCache._redis = cache
    standins.append((module.FakeRedisCache, "_redis", cache, lambda cache: None))


def _take_database(module):
    def query_all(self):
        """Retrieves the credentials of every host of a user. The SDK's own method returns those of the first only."""
        users = self._FakeDatabase__database.items()
        return [(user, host, row[0]) for user, hosts in users for host, rows in hosts.items() for row in rows]

    if hasattr(module.FakeDatabase({}), "_FakeDatabase__database"):
        module.FakeDatabase.query_all = query_all


TAKE = {
    IMPL + "memory_cache": _take_memory_cache,
    IMPL + "database": _take_database,
    IMPL + "credential_store": _keep("credential_stores", _credential_stores),
    IMPL + "user_list": _keep("user_lists", _user_lists),
    IMPL + "ldap_server": _keep("ldap_servers", _ldap_servers),
    IMPL + "box_config": _take_box_configuration,
}


class Loader:
    """Loads a module of stand-ins and takes it."""

    def __init__(self, loader, take):
        self.loader, self.take = loader, take

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        try:
            self.take(module)
        except Exception:
            pass  # This SDK has another module there, which stays as it is.


class Finder:
    """Finds the modules of stand-ins."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        take = TAKE.get(name)
        spec = take and importlib.machinery.PathFinder.find_spec(name, path)
        if spec and spec.loader:
            spec.loader = Loader(spec.loader, take)
            return spec
        return None


class Redirected:
    """A function of Python whose first argument is a path: for a path in a folder of the appliance it takes the file of
    the session. An object, since a function would become a method where a class has it as an attribute."""

    def __init__(self, function, folders):
        self.function, self.folders = function, folders
        self.__name__ = self.__qualname__ = function.__name__
        self.__doc__, self.__module__ = function.__doc__, function.__module__

    def __call__(self, *arguments, **keywords):
        own = self.own(*arguments, **keywords)
        if own is None:
            return self.function(*arguments, **keywords)
        try:
            return self.function(own, *arguments[1:], **keywords)
        except OSError as error:
            error.filename = arguments[0]
            raise

    # `os.supports_fd` and the like contain Python's own functions.
    def __hash__(self):
        return hash(self.function)

    def __eq__(self, other):
        return self is other or self.function is other

    def own(self, path=None, mode="r", *arguments, **keywords):
        # What writes is refused where the path leads.
        if isinstance(mode, str) and set(mode) & set("wax+") or isinstance(mode, int) and mode & WRITES and self.flags:
            return None
        try:
            path = os.fsdecode(path)
        except TypeError:
            return None
        for folder, own in self.folders.items():
            if path == folder or path.startswith(folder + "/"):
                return own + path[len(folder) :]
        return None

    @property
    def flags(self):
        return self.__name__ == "open"


WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def redirect(folders, root, configuration):
    """Redirects Python's functions from folders of the appliance to others, on a machine on which these cannot be
    mounted. A plugin in `root` that never names one of them keeps Python's own functions."""
    named = {at: own for at, own in folders.items() if _names(root, configuration, FILES[at])}
    if not named:
        return
    builtins.open = io.open = Redirected(io.open, named)
    for name in ("open", "stat", "lstat", "access", "listdir", "scandir"):
        setattr(os, name, Redirected(getattr(os, name), named))
    path = Redirected(os.fspath, named)

    def take_ssl(module):
        for name in ("load_verify_locations", "load_cert_chain"):
            setattr(module.SSLContext, name, _with_own_paths(getattr(module.SSLContext, name), path.own))

    # OpenSSL opens its files itself.
    if "ssl" in sys.modules:
        take_ssl(sys.modules["ssl"])
    else:
        TAKE["ssl"] = take_ssl


def _with_own_paths(method, own):
    """A method that takes the session's file for each argument that is a path in a folder of the appliance."""

    @functools.wraps(method)
    def redirected(self, *arguments, **keywords):
        def mapped(argument):
            return own(argument) or argument

        return method(self, *map(mapped, arguments), **{key: mapped(value) for key, value in keywords.items()})

    return redirected


def _names(root, configuration, texts):
    """Whether the code in `root`, or the configuration, has one of the texts."""
    if any(text in configuration for text in texts):
        return True
    left = 2000
    for folder, _, names in os.walk(root):
        for name in names:
            if not name.endswith(".py"):
                continue
            left -= 1
            if left < 0:
                return False
            try:
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    code = file.read(1 << 20)
            except OSError:
                continue
            if any(text in code for text in texts):
                return True
    return False


class FakeRedis:
    """`fakeredis`, which the memory cache of the SDK imports and which the SDK does not install."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        return importlib.util.spec_from_loader(name, FakeRedis) if name == "fakeredis" else None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        module.FakeStrictRedis = module.FakeRedis = Cache


def provide(folder):
    """Takes the stand-ins when they are imported from now on. `folder` is for what they write."""
    scratch[0] = folder
    sys.meta_path.insert(0, Finder)
    sys.meta_path.append(FakeRedis)


def begin(services, saved_cache):
    """Fills the services. `saved_cache` is the memory cache that an earlier call of the session left, or None."""
    global current
    current = services
    entries = {}
    if saved_cache:
        try:
            entries = {key: (value.encode("latin-1"), until) for key, value, until in json.loads(saved_cache)}
        except (TypeError, ValueError, RecursionError):
            pass  # The plugin wrote over it, and gets an empty cache.
    else:
        for key, value in services.get("memory_cache", {}).items():
            entries[key] = value.encode(), None
    cache.entries = entries
    for _, _, content, fill in standins:
        fill(content)


def memory_cache():
    """The memory cache, for the next call of the session."""
    return json.dumps([(key, value.decode("latin-1"), until) for key, (value, until) in cache.entries.items()])


def end():
    """Empties the services. Returns whether all stand-ins are still the same."""
    begin({}, None)
    return all(getattr(owner, attribute, None) is content for owner, attribute, content, _ in standins)


# Classes and methods of the SDK, and the services that they use, or the part of the box configuration.
CLASSES = {
    "MemoryCache": "memory_cache",
    "UserList": "user_lists",
    "LDAPServer": "ldap",
    "LDAPServerGroupList": "ldap",
    "UserMappingLdapServer": "ldap",
    "CredentialStore": "credential_stores",
    "get_ca_certificate": "trusted_ca_lists",
    "RequestsTLS": "trusted_ca_lists",
    "get_gateway_fqdn": "gateway_fqdn",
    "get_starling_join_credential_string": "starling_join_credential_string",
    "get_http_proxy": "http_proxy",
    "proxy_settings": "http_proxy",
    "https_proxy_server": "http_proxy",
    "https_proxy_port": "http_proxy",
    "https_proxy_username": "http_proxy",
    "https_proxy_password": "http_proxy",
    "AuthenticationCache": "state",
    "persistent_plugin_state_directory": "state",
    "SCB_PLUGIN_STATE_DIRECTORY": "state",
    "ConnectionLimiter": "ephemeral",
    "ephemeral_plugin_state_directory": "ephemeral",
    "EPHEMERAL_PLUGIN_STATE_DIRECTORY": "ephemeral",
}


# Folders of the appliance, and texts in the code of a plugin that reads their files.
FILES = {
    "/etc/spp": ("/etc/spp", "join.json", "cluster_members.json"),
    "/usr/share/zorp": ("/usr/share/zorp", "zorp/dictionary"),
}


def used(paths):
    """The services that the code at `paths` names, the folders of the appliance that it names, and `sdk` if the SDK is
    imported: then the configuration may name more services."""
    found = {"sdk"} if "safeguard.sessions.plugin" in sys.modules else set()
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read(1 << 20)
        except OSError:
            continue
        names = set(re.findall(r"[A-Za-z_]+", text))
        found.update(service for name, service in CLASSES.items() if name in names)
        found.update(folder for folder, texts in FILES.items() if any(known in text for known in texts))
    return sorted(found)
