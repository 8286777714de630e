# On the SDK: it uses each of the platform's services and handles every answer. Nothing is wrong with it, and nothing
# that it stores in the memory cache reaches another session.
from safeguard.sessions.plugin import AAPlugin, AAResponse, LDAPOperationError, LDAPServer, LDAPUserNotFound, UserList
from safeguard.sessions.plugin.memory_cache import MemoryCache


class Plugin(AAPlugin):
    @property
    def cache(self):
        return MemoryCache.from_config(self.plugin_configuration, prefix="acme:services")

    def do_authenticate(self):
        if not self.plugin_configuration.get("radius", "secret", required=True):
            return AAResponse.deny("no secret")
        if not self.plugin_configuration.get_ca_certificate("tls", "ca_cert")["certs"]:
            return AAResponse.deny("no authority")
        seen = self.cache.get("seen") or 0
        if seen > 8:
            raise RuntimeError("the memory cache holds what another session put there")
        self.cache.set("seen", seen + 1, ttl=300)
        return AAResponse.accept("known")

    def do_authorize(self):
        if not self.cache.get("seen") and self.cookie.get("asked"):
            raise RuntimeError("the memory cache lost what this session put there")
        if "alice" in UserList.from_config(self.plugin_configuration, section="whitelist source=user_list"):
            return AAResponse.accept("on the list")
        directory = LDAPServer.from_config(self.plugin_configuration)
        try:
            groups = directory.filter_user_groups(self.connection.gateway_username, ["dba"])
        except LDAPUserNotFound:
            return AAResponse.deny("nobody of that name")
        except LDAPOperationError:
            return AAResponse.deny("the directory is down")
        return AAResponse.accept("in the group") if groups else AAResponse.deny("not in the group")
