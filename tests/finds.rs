//! Faults that only a special session shows are found: state that is remembered under the wrong key, a regular
//! expression that takes long, an option that needs another one.

mod program;

use program::{Desk, Ran};

const STORE: &str = "credentialstore";

/// Writes a plugin of this type with these lines of code.
fn plugin(desk: &Desk, plugin_type: &str, main: &str) {
    desk.write("plugin/main.py", main);
    let manifest = format!(
        "api: \"1.0\"\ntype: {plugin_type}\nname: Plugin\nversion: \"1.0\"\ndescription: d\nentry_point: main.py\n"
    );
    desk.write("plugin/MANIFEST", manifest);
}

/// A credential store with `get_password_list`; `head` is the beginning of the module and of the class.
fn store(head: &str, password_list: &str) -> String {
    format!(
        "{head}\n{password_list}\n    def get_private_key_list(self):\n        return None\n\n    def \
         authentication_completed(self):\n        return None\n\n    def session_ended(self):\n        return None\n"
    )
}

fn test(desk: &Desk, runs: &str, seed: &str) -> Ran {
    desk.run(&["test", "plugin", "--runs", runs, "--seed", seed, "--jobs", "1", "--format", "json"])
}

#[test]
fn state_that_is_remembered_under_a_key_that_lacks_an_argument_is_found_with_any_seed() {
    let dict = "import hashlib\n\n\nclass Plugin:\n    tokens = {}\n";
    let by_user = "    def get_password_list(self, gateway_username=None, server_username=None, protocol=None):
        if server_username not in self.tokens:
            text = '%s/%s/%s' % (gateway_username, server_username, protocol)
            self.tokens[server_username] = hashlib.sha256(text.encode()).hexdigest()[:20]
        return {'passwords': [self.tokens[server_username]]}
";
    // Two arguments must change together.
    let by_pair = "    def get_password_list(self, server_port, protocol, client_ip):
        key = (server_port == 22) ^ (protocol == 'ssh'), client_ip
        value = '%s-%s' % (server_port, protocol)
        return {'passwords': [self.tokens.setdefault(str(key), value)]}
";
    let module = "FIRST = []\n\n\nclass Plugin:";
    let by_list = "    def get_password_list(self, **arguments):
        FIRST.append(arguments['server_hostname'])
        return {'passwords': [str(next(name for name in FIRST if name or len(FIRST) < 9))]}
";
    for (head, hook) in [(dict, by_user), (dict, by_pair), (module, by_list)] {
        for seed in ["1", "2"] {
            let desk = Desk::new();
            plugin(&desk, STORE, &store(head, hook));
            let ran = test(&desk, "2000", seed);
            assert_eq!((ran.status, ran.rules()), (Some(1), vec!["state-leak".to_owned()]), "seed {seed}: {hook}");
            assert!(desk.run(&["replay", "plugin"]).stdout.contains("still there"));
        }
    }
}

#[test]
fn state_that_makes_no_difference_is_no_leak() {
    let desk = Desk::new();
    let hook = "    def get_password_list(self, gateway_username=None, server_username=None, protocol=None):
        key = (gateway_username, server_username, protocol)
        return {'passwords': [self.tokens.setdefault(key, '%s/%s/%s' % key)]}
";
    plugin(&desk, STORE, &store("class Plugin:\n    tokens = {}\n", hook));
    let ran = test(&desk, "2000", "1");
    assert_eq!((ran.status, ran.rules()), (Some(0), Vec::new()), "{ran:?}");
}

/// An AA plugin that asks for a reason and uses it in this expression.
fn asks(head: &str, expression: &str) -> String {
    format!(
        "import re\n\n{head}\n\n\nclass Plugin:\n    def authenticate(self, key_value_pairs):\n        reason = \
         key_value_pairs.get('reason')\n        if reason is None:\n            return {{'verdict': 'NEEDINFO', \
         'question': ('reason', 'Reason: ', False)}}\n        return {{'verdict': 'ACCEPT' if {expression} else \
         'DENY'}}\n\n    def authorize(self):\n        return {{'verdict': 'ACCEPT'}}\n\n    def session_ended(self):\n\
         \x20       return None\n"
    )
}

#[test]
fn a_regular_expression_that_takes_long_is_found_where_the_text_comes_from() {
    for (head, expression) in [
        (r#"LINK = re.compile(r"\[\[ *(.+?) *\| *(.+?) *\]\]")"#, "LINK.search(reason)"),
        (r#"WORDS = re.compile(r"^(\w+\s?)*$")"#, "WORDS.match(reason)"),
        (r#"NAME = r"([A-Za-z]+[.-]?)+@""#, "re.match(NAME, reason)"),
        // No comparison shows this expression; its text is a constant of the plugin.
        (r#"LIST = re.compile(r"(?:[a-z0-9]+,?)+;")"#, "LIST.sub('', reason)"),
        // Behind a check of the length.
        (r#"SHORT = re.compile(r"^([a-z]+)*!$")"#, "len(reason) < 100 and SHORT.match(reason)"),
    ] {
        let desk = Desk::new();
        plugin(&desk, "aa", &asks(head, expression));
        let fuzz = ["fuzz", "plugin", "--time", "60s", "--timeout", "200ms", "--seed", "1", "--format", "json"];
        let ran = desk.run(&[&fuzz[..], &["--runs", "8000"]].concat());
        assert_eq!((ran.status, ran.rules()), (Some(1), vec!["timeout".to_owned()]), "{head}: {ran:?}");
    }
}

/// An AA plugin whose first hook uses `value` in this expression.
fn uses(head: &str, value: &str, expression: &str) -> String {
    let arguments = "session_id, session_cookie, key_value_pairs, gateway_user, target_username";
    format!(
        "import re

{head}


class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration.strip()

    def authenticate(self, {arguments}):
        value = {value}
        found = {expression}
        return {{'verdict': 'ACCEPT' if found else 'DENY'}}

    def authorize(self, gateway_groups):
        return {{'verdict': 'ACCEPT'}}

    def session_ended(self):
        return None
"
    )
}

#[test]
fn a_regular_expression_is_found_in_any_form_of_call_and_on_any_text() {
    let verbose = "PARTS = re.compile(r'''\n    ( [a-z]+ [0-9]* )+   # words\n    ; \\Z\n''', re.VERBOSE)";
    for (head, value, expression) in [
        // The time grows with the third power of the length.
        (r#"FIELD = re.compile(r"name:\s*(.*?)\s*,\s*(.*?)\s*;")"#, "gateway_user or ''", "FIELD.search(value)"),
        ("", "target_username or ''", r#"re.fullmatch(r"(?:\w+[ _]?)+!", value)"#),
        (verbose, "session_id", "PARTS.split(value, 2)"),
        (
            "",
            "key_value_pairs.get('username', '')",
            r#"re.sub(r"(?:x|xx|y)+$", "", string=value) and re.subn(r"(?:x|xx)+;", "", value)[1]"#,
        ),
        ("from re import findall", "str(session_cookie.get('ticket', ''))", r#"findall(r"(?:[a-z]+-?)+#", value)"#),
        ("", "gateway_user or ''", r#"re.match(r"(USER|[A-Z]+\d?)+@", value.strip(), flags=re.I)"#),
        // No constant of the plugin is the whole expression.
        (r#"WORD = r"[a-z0-9]+""#, "key_value_pairs.get('otp', '')", r#"any(re.finditer(f"^({WORD})*:$", value))"#),
        ("", "gateway_user or ''", "re.search(self.configuration, value)"),
    ] {
        let desk = Desk::new();
        plugin(&desk, "aa", &uses(head, value, expression));
        desk.write("plugin/default.cfg", r"^(\w+\s?)*:$");
        let fuzz = ["fuzz", "plugin", "--timeout", "200ms", "--seed", "1", "--runs", "4000", "--format", "json"];
        let ran = desk.run(&fuzz);
        assert_eq!((ran.status, ran.rules()), (Some(1), vec!["timeout".to_owned()]), "{expression}: {ran:?}");
    }
}

#[test]
fn a_slow_regular_expression_is_found_with_any_seed_by_test_too_and_at_its_line() {
    let desk = Desk::new();
    let head = r#"MENTION = re.compile(r"<< *(.+?) *: *(.+?) *>>")"#;
    plugin(&desk, "aa", &asks(head, "MENTION.search(reason)"));
    for seed in ["1", "2", "3"] {
        for command in ["fuzz", "test"] {
            let limits = ["--timeout", "200ms", "--seed", seed, "--runs", "3000", "--corpus", seed, "--format", "json"];
            let ran = desk.run(&[&[command, "plugin"], &limits[..]].concat());
            assert_eq!((ran.status, ran.rules()), (Some(1), vec!["timeout".to_owned()]), "{command} {seed}: {ran:?}");
            let finding = &ran.json()["findings"][0];
            assert_eq!(finding["location"]["line"], 11, "{finding}");
        }
    }
    assert!(desk.run(&["replay", "plugin", "--timeout", "200ms", "--corpus", "1"]).stdout.contains("still there"));
}

#[test]
fn regular_expressions_that_take_no_time_are_silent() {
    let desk = Desk::new();
    // The time of the second grows with the square of the length only: no user types a text on which it takes long.
    for pattern in [r"^\[\[([^|\]]+)\|([^|\]]+)\]\]$", r"\s+$|CN=(.*),OU=(.*)$"] {
        plugin(&desk, "aa", &asks(&format!("LINK = re.compile(r\"{pattern}\")"), "LINK.search(reason)"));
        for command in ["fuzz", "test"] {
            let ran = desk.run(&[command, "plugin", "--runs", "4000", "--seed", "1", "--format", "json"]);
            assert_eq!((ran.status, ran.rules()), (Some(0), Vec::new()), "{ran:?}");
        }
    }
}

#[test]
fn options_that_need_each_other_and_placeholders_for_names_are_set() {
    let configured = |body: &str| {
        let head = "import configparser\n\n\nclass Plugin:\n    def __init__(self, configuration):\n        self.options = \
                    configparser.ConfigParser()\n        self.options.read_string(configuration)\n";
        store(head, &format!("    def get_password_list(self, server_domain):\n{body}"))
    };
    let domain = "        suffix = self.options.get('suffixes', (server_domain or 'x').lower(), fallback=None)
        return {'passwords': [suffix and {}[suffix]] if suffix else []}
";
    let together = "        if self.options.has_option('login', 'user') and self.options.has_option('tls', 'cert'):
            raise LookupError('both')
        return None
";
    for (file, documented, body) in [
        ("default.cfg", "[suffixes]\n; <domain_1>=<suffix_1>\n; <domain_2>=<suffix_2>\n", domain),
        ("default.cfg.plugin", "[suffixes]\n; <domain_1>=<suffix_1>\n", domain),
        ("default.cfg", "[login]\n; user=cli\n[tls]\n; cert=a.pem\n[more]\n; x=1\n; y=2\n", together),
    ] {
        let desk = Desk::new();
        plugin(&desk, STORE, &configured(body));
        desk.write(&format!("plugin/{file}"), documented);
        let fuzz = ["fuzz", "plugin", "--runs", "3000", "--seed", "1", "--format", "json"];
        let ran = desk.run(&fuzz);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let ran = desk.run(&[&fuzz[..], &["--vary-config"]].concat());
        assert_eq!((ran.status, ran.rules()), (Some(1), vec!["uncaught-exception".to_owned()]), "{file}: {ran:?}");
        let options = ran.json()["findings"][0]["options"].as_array().unwrap().len();
        assert_eq!(options, if documented.contains("tls") { 2 } else { 1 }, "{ran:?}");
    }
}

#[test]
fn check_reports_a_percent_sign_that_the_sdk_cannot_read() {
    let venv = program::venv();
    let main = "from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        return {'passwords': []}

    def do_get_private_key_list(self):
        return {'private_keys': []}
";
    let desk = Desk::new();
    plugin(&desk, STORE, main);
    desk.write("good.cfg", "[DEFAULT]\nhome = /x\n[vault]\npassword = 100%%\npath = %(home)s/y\n; old = 5%\n");
    desk.write("bad.cfg", "[vault]\naddress = a\npassword = 100%sure\n");
    let check = |config: &str| {
        let venv = venv.to_str().unwrap();
        desk.run(&["check", "plugin", "--venv", venv, "--config", config, "--format", "json"])
    };
    assert_eq!(check("good.cfg").rules(), [""; 0]);
    let ran = check("bad.cfg");
    assert_eq!((ran.status, ran.rules()), (Some(0), vec!["config-unreadable".to_owned()]), "{ran:?}");
    let message = ran.json()["findings"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("line 3") && message.contains("`[vault] password`"), "{message}");
    assert!(!message.contains("sure"), "{message}");
}
