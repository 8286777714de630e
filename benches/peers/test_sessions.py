"""Sessions for a plugin, as a competent engineer would write them for a fuzzer or a property: what both harnesses share.

What is the same as in hookstorm: hooks and their order, arguments by name, a new `Plugin` for each call, cookies and
results that cross JSON, questions that are answered, and what counts as a defect. What is in the harnesses' favour: only
arguments that some hook of the plugin takes are made, and all in one process without isolation.

The files of this folder begin with `test_`, so that Hypothesis takes its words from the plugin alone and not from here.
"""
import importlib
import inspect
import io
import json
import os
import sys
import time
import traceback

# What people and machines are called in life: the everyday values, of which hookstorm knows as many.
USERS = ("alice", "root", "Administrator", "bob", "jane.doe", "svc_backup", "admin", "oracle", "alice@example.com",
         "EXAMPLE\\alice", "ubuntu", "Mary Ann")
GROUPS = ("admins", "Domain Users", "EXAMPLE\\Domain Admins", "operators@example.com", "wheel", "linux-users")
DOMAINS = ("example.com", "EXAMPLE", "corp.example.com", "CORP", "example.local", "lan")
HOSTS = ("srv1.example.com", "db01.example.com", "web-2.corp.example.com", "dc1.lan", "WIN2019.example.local")
ADDRESSES = ("10.0.0.1", "192.168.1.20", "172.16.20.5", "203.0.113.9", "2001:db8::1", "fe80::1", "::1")
CONNECTIONS = ("ssh_connection", "rdp", "production", "Linux servers")
ASSETS = ("srv1.example.com", "erp", "10.0.0.1", "SAP")
ANSWERS = ("yes", "12345678", "CHG-4711", "push", "")
PASSWORDS = ("correct horse", "Tr0ub4dor&3", "")
PORTS = (22, 3389, 443, 80, 23, 5900, 1494, 2222, 8080, 1433)
PAIR_KEYS = ("username", "gu", "otp", "ticket")
SHARED_KEYS = ("questions", "account", "asset", "token", "SessionKey")
STORE_PROTOCOLS = ("http", "ica", "rdp", "ssh", "telnet", "vnc")
AA_PROTOCOLS = STORE_PROTOCOLS + ("tsg", "mssql")
VERDICTS = ("ACCEPT", "DENY", "NEEDINFO", "NONE", None)

STORE_HOOKS = ("get_password_list", "get_private_key_list", "authentication_completed", "session_ended")
AA_HOOKS = ("authenticate", "authorize", "session_ended")
# Hooks that a store may have besides.
MORE_STORE_HOOKS = ("get_remote_app_credentials", "get_totp_codes")
# What a hook with **kwargs gets: all that the platform passes to it.
CONNECTION = ("protocol", "client_ip", "client_hostname", "gateway_username", "gateway_domain", "gateway_password",
              "gateway_groups", "server_username", "server_ip", "server_hostname", "server_domain", "server_port")
TARGET = ("target_username", "target_host", "target_domain", "target_port")
COMMON = ("cookie", "session_cookie", "session_id")
PASSED = {
    "get_password_list": COMMON + CONNECTION + TARGET,
    "get_private_key_list": COMMON + CONNECTION + TARGET,
    "get_remote_app_credentials": COMMON + CONNECTION + ("asset", "connection_name"),
    "get_totp_codes": COMMON + CONNECTION,
    "authentication_completed": COMMON,
    "session_ended": COMMON,
}
QUESTIONS_LIMIT = 3
# Shorter secrets may be in a text by chance.
SECRET_LENGTH = 6


class Found(Exception):
    """A defect: the rule that is broken, the hook, and the line of the plugin's own code where there is one."""

    def __init__(self, rule, hook, line=None):
        super().__init__(rule, hook, line)
        self.rule, self.hook, self.line = rule, hook, line


class Tested:
    """A loaded plugin."""

    def __init__(self, folder):
        self.folder = os.path.realpath(folder)
        manifest = open(os.path.join(folder, "MANIFEST"), encoding="utf-8").read()
        self.is_aa = "type: aa" in manifest
        configuration = os.path.join(folder, "default.cfg")
        self.configuration = open(configuration, encoding="utf-8").read() if os.path.exists(configuration) else ""
        sys.path.insert(0, self.folder)
        # Before the import: a handler of logging keeps the file that it is made with.
        self.log = io.StringIO()
        usual, sys.stderr = sys.stderr, self.log
        try:
            self.plugin = importlib.import_module("main").Plugin
        except BaseException:
            sys.stderr = usual
            raise
        self.takes_configuration = self.plugin.__init__ is not object.__init__
        hooks = AA_HOOKS if self.is_aa else STORE_HOOKS
        self.more = () if self.is_aa else tuple(hook for hook in MORE_STORE_HOOKS if hasattr(self.plugin, hook))
        self.parameters = {hook: parameters(getattr(self.plugin, hook), hook) for hook in hooks + self.more}
        self.wanted = set().union(*self.parameters.values())
        self.calls = 0

    def call(self, hook, session, arguments):
        """Calls a hook as the platform does, and carries the cookies. Raises `Found` for what is a defect."""
        takes = self.parameters[hook]
        passed = {name: value for name, value in arguments.items() if name in takes}
        for name in ("cookie", "session_cookie"):
            if name in takes:
                passed[name] = session[name]
        self.calls += 1
        plugin = self.plugin(self.configuration) if self.takes_configuration else self.plugin()
        try:
            result = getattr(plugin, hook)(**passed)
        except Exception as error:
            raise Found("uncaught-exception", hook, self.line_of(error)) from None
        if hook == "session_ended":
            result = None
        if result is not None and not isinstance(result, dict):
            raise Found("return-type", hook)
        try:
            result = json.loads(json.dumps(result or {}, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            raise Found("not-json", hook) from None
        self.check(hook, result)
        self.search_log(hook, arguments, result)
        for name in ("cookie", "session_cookie"):
            if isinstance(result.get(name), dict):
                session[name] = result[name]
        return result

    def line_of(self, error):
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame.lineno for frame in frames if os.path.realpath(frame.filename).startswith(self.folder)]
        return own[-1] if own else None

    @staticmethod
    def check(hook, result):
        passwords = result.get("passwords")
        if passwords is not None and not (
            isinstance(passwords, list) and all(isinstance(password, str) for password in passwords)
        ):
            raise Found("return-value-invalid", hook)
        if hook in ("authenticate", "authorize"):
            if result.get("verdict") not in VERDICTS:
                raise Found("return-value-invalid", hook)
            question = result.get("question")
            if result.get("verdict") == "NEEDINFO" and not (isinstance(question, list) and len(question) == 3):
                raise Found("return-value-invalid", hook)

    def search_log(self, hook, arguments, result):
        if not self.log.tell():
            return
        text = self.log.getvalue()
        self.log.seek(0)
        self.log.truncate()
        secrets = [arguments.get("gateway_password"), (arguments.get("key_value_pairs") or {}).get("otp")]
        secrets += result.get("passwords") or []
        for secret in secrets:
            if secret and len(secret) >= SECRET_LENGTH and (secret in text or repr(secret)[1:-1] in text):
                raise Found("secret-leak", hook)


def parameters(method, hook):
    """What a hook takes by name: all that is passed where it has **kwargs."""
    taken = inspect.signature(method).parameters.values()
    takes_any = any(parameter.kind == parameter.VAR_KEYWORD for parameter in taken)
    return set(PASSED[hook]) if takes_any else {parameter.name for parameter in taken} - {"self"}


def run_session(tested, source):
    """One session, with all choices from `source`: text, numbers, items of pools and yes or no."""
    session = {"cookie": {}, "session_cookie": {}}
    if "session_cookie" in tested.wanted:
        session["session_cookie"] = session_cookie(source)
    arguments = connection(tested, source)
    if tested.is_aa:
        run_aa(tested, source, session, arguments)
    else:
        run_store(tested, source, session, arguments)


def run_store(tested, source, session, arguments):
    for _ in range(source.number(1, 4)):
        if tested.more and source.yes(0.2):
            tested.call(source.item(tested.more), session, arguments)
        else:
            tested.call("get_private_key_list" if source.yes(0.4) else "get_password_list", session, arguments)
    if source.yes(0.7):
        tested.call("authentication_completed", session, arguments)
    tested.call("session_ended", session, arguments)


def run_aa(tested, source, session, arguments):
    if "key_value_pairs" in tested.wanted:
        arguments["key_value_pairs"] = pairs(source)
    for hook in ("authenticate", "authorize"):
        verdict = decide(tested, source, hook, session, arguments)
        if verdict not in ("ACCEPT", "NONE", None):
            break
    tested.call("session_ended", session, arguments)


def decide(tested, source, hook, session, arguments):
    """Calls until the verdict is final, each time with the answer to the question that was asked."""
    for _ in range(QUESTIONS_LIMIT + 1):
        result = tested.call(hook, session, arguments)
        if result.get("verdict") != "NEEDINFO":
            return result.get("verdict")
        arguments["key_value_pairs"] = dict(arguments["key_value_pairs"])
        arguments["key_value_pairs"][result["question"][0]] = source.text(ANSWERS)
    return "DENY"


def connection(tested, source):
    """What is the same in every call of a session. The target goes by an old and a new name."""
    wanted = tested.wanted

    def wants(*names):
        return any(name in wanted for name in names)

    def maybe(pool):
        return None if source.yes(0.15) else source.text(pool)

    values = {"session_id": "svc/1/connection:1/ssh"}
    if wants("protocol"):
        values["protocol"] = source.item(AA_PROTOCOLS if tested.is_aa else STORE_PROTOCOLS)
    if wants("connection_name"):
        values["connection_name"] = source.item(CONNECTIONS)
    if wants("asset"):
        values["asset"] = source.item(ASSETS)
    if wants("client_ip"):
        values["client_ip"] = source.item(ADDRESSES)
    if wants("client_hostname"):
        values["client_hostname"] = None if source.yes(0.15) else source.item(HOSTS)
    if wants("client_port"):
        values["client_port"] = source.number(1, 65535)
    if wants("gateway_user", "gateway_username"):
        values["gateway_user"] = values["gateway_username"] = maybe(USERS)
    if wants("gateway_domain"):
        values["gateway_domain"] = maybe(DOMAINS)
    if wants("gateway_password"):
        values["gateway_password"] = maybe(PASSWORDS)
    if wants("gateway_groups"):
        groups = None if source.yes(0.15) else [source.text(GROUPS) for _ in range(source.number(0, 3))]
        values["gateway_groups"] = groups
    if wants("server_username", "target_username"):
        values["server_username"] = values["target_username"] = source.text(USERS)
    if wants("server_domain", "target_domain"):
        values["server_domain"] = values["target_domain"] = maybe(DOMAINS)
    if wants("server_ip", "server_hostname", "target_host", "target_server"):
        values["server_ip"] = source.item(ADDRESSES)
        values["server_hostname"] = None if source.yes(0.15) else source.item(HOSTS)
        values["target_host"] = values["target_server"] = values["server_hostname"] or values["server_ip"]
    if wants("server_port", "target_port"):
        port = source.item(PORTS) if source.yes(0.3) else source.number(1, 65535)
        values["server_port"] = values["target_port"] = port
    return values


def pairs(source):
    return {source.text(PAIR_KEYS): source.text(ANSWERS) for _ in range(source.number(0, 3))}


def session_cookie(source):
    """What plugins in front left: most often the user's answers."""
    cookie = {}
    if source.yes(0.6):
        cookie["questions"] = {source.text(PAIR_KEYS): source.text(ANSWERS) for _ in range(source.number(0, 3))}
    for _ in range(source.number(0, 2)):
        cookie[source.text(SHARED_KEYS)] = source.text(ANSWERS)
    return cookie


class Hunt:
    """Runs sessions until the defect that is looked for shows or time is up; then tells and ends the process."""

    def __init__(self, tested, rule, hook, seconds):
        self.tested, self.rule, self.hook = tested, rule, hook
        self.begin = time.monotonic()
        self.deadline = self.begin + seconds
        self.sessions = 0
        self.others = set()

    def one(self, source):
        """Runs one session."""
        self.sessions += 1
        try:
            run_session(self.tested, source)
        except Found as found:
            if (found.rule, found.hook) == (self.rule, self.hook):
                self.end(found)
            self.others.add((found.rule, found.hook, found.line))
        if not self.sessions % 64 and time.monotonic() > self.deadline:
            self.end(None)

    def end(self, found):
        told = {"found": found is not None, "sessions": self.sessions, "calls": self.tested.calls,
                "seconds": time.monotonic() - self.begin, "others": sorted(map(str, self.others))}
        if found:
            told["line"] = found.line
        os.write(1, (json.dumps(told) + "\n").encode())
        os._exit(0)
