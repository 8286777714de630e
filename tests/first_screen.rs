//! What the first screen of a report says: causes before consequences, the argument that makes the difference, and why
//! few findings prove little.

mod program;

use std::io::Write;

use program::{Desk, Ran};
use serde_json::Value;

/// Writes a credential store with this class body and the hooks that it lacks.
fn store(desk: &Desk, body: &str) {
    plugin(desk, "credentialstore", body, &["get_password_list", "get_private_key_list", "authentication_completed"]);
}

fn plugin(desk: &Desk, plugin_type: &str, body: &str, hooks: &[&str]) {
    desk.write(
        "plugin/MANIFEST",
        format!(
            "api: \"1.0\"\ntype: {plugin_type}\nname: Own\nversion: \"1.0\"\ndescription: x\nentry_point: main.py\n"
        ),
    );
    let mut text = format!("import json, os\n\n\nclass Plugin:\n{body}\n");
    for hook in hooks.iter().chain(&["session_ended"]) {
        if !body.contains(&format!("def {hook}(")) {
            text.push_str(&format!("\n    def {hook}(self):\n        return None\n"));
        }
    }
    desk.write("plugin/main.py", text);
}

fn test(desk: &Desk, runs: &str, options: &[&str]) -> Ran {
    desk.run(&[&["test", "plugin", "--seed", "1", "--runs", runs], options].concat())
}

/// The findings: rule, hook, and the rule and hook of the finding from which it follows.
fn findings(report: &Value) -> Vec<(String, String, Option<String>)> {
    let all = report["findings"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let cause = |one: &Value| {
        let cause = all.iter().find(|cause| !one["follows"].is_null() && cause["fingerprint"] == one["follows"])?;
        Some(format!("{} {}", text(&cause["rule"]), text(&cause["hook"])))
    };
    all.iter().map(|one| (text(&one["rule"]), text(&one["hook"]), cause(one))).collect()
}

fn groups(report: &Value) -> Vec<u64> {
    report["findings"].as_array().unwrap().iter().map(|one| one["group"].as_u64().unwrap()).collect()
}

#[test]
fn exceptions_for_want_of_a_cookie_stand_under_the_result_that_json_refused() {
    let desk = Desk::new();
    store(
        &desk,
        "    def get_password_list(self, cookie, server_username):
        return {'passwords': ['x'], 'cookie': {'user': server_username, 'salt': b'1'}}

    def authentication_completed(self, cookie):
        return {'cookie': {'length': len(cookie['user'])}}

    def session_ended(self, cookie):
        print(cookie['user'])
",
    );
    let report = test(&desk, "600", &["--format", "json"]).json();
    let cause = Some("not-json get_password_list".to_owned());
    let found = findings(&report);
    assert_eq!(found[0], ("not-json".into(), "get_password_list".into(), None), "{found:?}");
    let of =
        |hook: &str| found.iter().find(|(rule, of, _)| rule == "uncaught-exception" && of == hook).unwrap().2.clone();
    assert_eq!(of("authentication_completed"), cause);
    assert!(of("session_ended").is_some(), "{found:?}");
    let (first, rest) = (groups(&report)[0], groups(&report));
    assert!(rest.iter().all(|group| *group == first), "one cause, one group: {rest:?}");
    let text = test(&desk, "600", &[]).stdout;
    assert_eq!(text.matches("error[").count(), 1, "{text}");
    assert!(text.contains("   follows: uncaught-exception session_ended: KeyError: 'user'"), "{text}");
}

#[test]
fn an_exception_that_has_another_cause_stands_alone() {
    let desk = Desk::new();
    store(
        &desk,
        "    def get_password_list(self, cookie):
        return {'passwords': ['x'], 'cookie': {'salt': {1, 2}}}

    def session_ended(self, cookie):
        return 1 / len(cookie.get('questions', ''))
",
    );
    let report = test(&desk, "600", &["--format", "json"]).json();
    let found = findings(&report);
    assert!(found.iter().all(|(_, _, cause)| cause.is_none()), "{found:?}");
    assert!(found.iter().any(|(rule, hook, _)| rule == "uncaught-exception" && hook == "session_ended"), "{found:?}");
}

#[test]
fn an_archive_with_backslashes_is_one_error_that_says_how_to_pack() {
    let desk = Desk::new();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let manifest = "api: \"1.0\"\ntype: aa\nname: Own\nversion: \"1.0\"\ndescription: x\nentry_point: main.py\n";
    let main = "import open_me\nfrom pkg.inner import names\n\nclass Plugin:\n    pass\n";
    for (name, text) in [("MANIFEST", manifest), ("main.py", main), ("pkg/inner/names.py", ""), ("pkg/deep.py", "")] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    let bytes: Vec<u8> = {
        let mut bytes = bytes;
        for at in 0..bytes.len() - 4 {
            if bytes[at..].starts_with(b"pkg/") {
                bytes[at + 3] = b'\\';
            }
            if bytes[at..].starts_with(b"inner/") {
                bytes[at + 5] = b'\\';
            }
        }
        bytes
    };
    desk.write("plugin.zip", bytes);
    for command in ["check", "test"] {
        let ran = desk.run(&[command, "plugin.zip"]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stdout.contains("1 finding (1 error)"), "{}", ran.stdout);
        assert!(ran.stdout.contains("backslash") && ran.stdout.contains("zip -r"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("No module"), "{}", ran.stdout);
    }
}

#[test]
fn a_file_out_of_reach_in_the_constructor_is_one_group() {
    let desk = Desk::new();
    store(
        &desk,
        "    def __init__(self, configuration=''):
        self.log = open('/usr/own-plugin.log', 'a')
",
    );
    let report = test(&desk, "600", &["--format", "json"]).json();
    let numbers = groups(&report);
    assert!(!numbers.is_empty() && numbers.iter().all(|group| *group == numbers[0]), "{report:#}");
}

#[test]
fn a_long_name_of_an_exception_hides_neither_section_nor_option() {
    let desk = Desk::new();
    let module = "errors_of_the_configuration_of_this_plugin_and_of_all_its_relatives";
    store(
        &desk,
        &format!(
            "    def get_password_list(self):
        from {module}.required_settings_of_the_configuration import RequiredSettingOfTheConfigurationIsMissing
        raise RequiredSettingOfTheConfigurationIsMissing(
            \"this setting of the configuration has no default: option='use_credential_of', section='vault'\")
"
        ),
    );
    desk.write(&format!("plugin/{module}/__init__.py"), "");
    desk.write(
        &format!("plugin/{module}/required_settings_of_the_configuration.py"),
        "class RequiredSettingOfTheConfigurationIsMissing(Exception):\n    pass\n",
    );
    let text = test(&desk, "600", &[]).stdout;
    let heading = text.lines().find(|line| line.starts_with("error[")).unwrap();
    assert!(heading.ends_with("option='use_credential_of', section='vault'"), "{heading}");
    assert!(heading.contains("…RequiredSettingOfTheConfigurationIsMissing: "), "{heading}");
}

#[test]
fn the_argument_that_makes_the_difference_is_shown_however_plain() {
    let desk = Desk::new();
    store(
        &desk,
        "    def get_private_key_list(self, server_username, server_port, gateway_username):
        if server_username.startswith('backup'):
            raise LookupError('no folder')
        return None
",
    );
    let text = test(&desk, "3000", &[]).stdout;
    let with: Vec<&str> = text.lines().skip_while(|line| !line.contains("with:")).take(2).collect();
    assert!(with[0].contains("server_username = \"backup"), "{text}");
    assert!(!text.contains("server_port =") && !text.contains("gateway_username ="), "{text}");
}

#[test]
fn the_argument_on_which_a_call_hangs_is_shown_too() {
    let desk = Desk::new();
    store(
        &desk,
        "    def get_private_key_list(self, protocol, server_port, gateway_username):
        while protocol == 'telnet':
            pass
        return None
",
    );
    let text = test(&desk, "200", &["--timeout", "500ms"]).stdout;
    let with: Vec<&str> = text.lines().skip_while(|line| !line.contains("with:")).take(2).collect();
    assert!(
        text.contains("error[timeout] get_private_key_list") && with[0].ends_with("protocol = \"telnet\""),
        "{text}"
    );
    assert!(!text.contains("server_port =") && !text.contains("gateway_username ="), "{text}");
}

#[test]
fn a_path_that_a_user_chooses_is_an_error_and_comes_first() {
    let desk = Desk::new();
    store(
        &desk,
        "    EXAMPLE = '/etc/own-vault'

    def get_password_list(self, server_username, gateway_username):
        path = os.path.join(os.environ['SCB_PLUGIN_STATE_DIRECTORY'], server_username or 'nobody')
        try:
            open(path, 'w').close()
        except (OSError, ValueError):
            pass
        return {'passwords': [gateway_username.strip()]}
",
    );
    let report = test(&desk, "3000", &["--format", "json"]).json();
    let first = &report["findings"][0];
    assert_eq!((&first["rule"], &first["severity"]), (&"sandbox-violation".into(), &"error".into()), "{report:#}");
    assert!(first["message"].as_str().unwrap().ends_with("the path is built from `server_username`"), "{first:#}");
    assert!(report["findings"].as_array().unwrap().len() > 1, "{report:#}");
}

/// The caution that a report begins with, with `N` for the number of sessions.
fn caution(desk: &Desk) -> String {
    let ran = test(desk, "200", &[]);
    assert!(matches!(ran.status, Some(0 | 1)), "{ran:?}");
    let line = ran.stdout.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_count = |at: usize| words[at].parse::<u32>().is_ok() && words.get(at + 1) == Some(&"sessions");
    (0..words.len()).map(|at| if is_count(at) { "N" } else { words[at] }).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_store_that_returns_keys_nobody_knows_is_no_silent_success() {
    let desk = Desk::new();
    store(&desk, "    def get_password_list(self):\n        return {'password': 'Ivory-Lantern-20'}\n");
    let line = caution(&desk);
    assert!(
        line.starts_with(
            "caution: no session got a password or a key: their results have the key `password`, which the \
             platform does not know; the nearest that it knows is `passwords`"
        ),
        "{line}"
    );
}

#[test]
fn a_line_at_which_all_sessions_end_is_named_though_the_plugin_catches_the_exception() {
    let desk = Desk::new();
    store(
        &desk,
        "    def get_password_list(self, server_username):
        try:
            with open('/nowhere/vault.json') as file:
                known = json.load(file)
            return {'passwords': [known[server_username]]}
        except OSError as error:
            print(error)
        return None
",
    );
    let line = caution(&desk);
    assert!(line.starts_with("caution: no session got a password or a key: "), "{line}");
    assert!(line.contains("main.py:7 (`with open('/nowhere/vault.json') as file:`) raised an exception"), "{line}");

    plugin(
        &desk,
        "aa",
        "    def __init__(self, configuration):
        self.users = []

    def authenticate(self, gateway_user, key_value_pairs):
        if gateway_user not in self.users:
            return {'verdict': 'DENY'}
        otp = key_value_pairs.get('otp')
        return {'verdict': 'ACCEPT' if otp else 'DENY'}
",
        &["authorize"],
    );
    let line = caution(&desk);
    assert!(line.starts_with("caution: no session was accepted: "), "{line}");
    assert!(line.contains("main.py:10 (`return {'verdict': 'DENY'}`) was reached"), "{line}");
}

#[test]
fn a_line_at_which_all_sessions_raise_is_named_with_the_reason() {
    let desk = Desk::new();
    store(
        &desk,
        "    def read(self):
        return open('/nowhere/vault.json').read()

    def get_password_list(self):
        return {'passwords': [self.read()]}

    def get_private_key_list(self):
        return {'private_keys': [('ssh-rsa', self.read())]}
",
    );
    let line = caution(&desk);
    let wanted = "caution: all N sessions ended at main.py:6: FileNotFoundError: [Errno 2] No such file or directory: \
                  '/nowhere/vault.json'; nothing behind that line was tested";
    assert!(line.starts_with(wanted), "{line}");
}

#[test]
fn a_store_that_returns_credentials_has_no_caution() {
    let desk = Desk::new();
    store(&desk, "    def get_password_list(self):\n        return {'passwords': ['Ivory-Lantern-20']}\n");
    let ran = test(&desk, "200", &[]);
    assert!(ran.stdout.starts_with("nothing found in 200 sessions"), "{}", ran.stdout);
}
