//! Cases stay within the contract while they shrink, and keep the cause of their finding. Cases that somebody wrote may
//! leave the contract; `run` and `replay` say so.

mod program;

use std::{collections::BTreeMap, fs};

use program::{Desk, Ran};
use serde_json::Value;

/// Writes a credential store whose `get_password_list` has these arguments and lines.
fn store(desk: &Desk, arguments: &str, lines: &[&str]) {
    let body: String = lines.iter().map(|line| format!("        {line}\n")).collect();
    plugin(desk, &format!("    def get_password_list(self, {arguments}):\n{body}"));
}

/// Writes a credential store with these methods, and with the other hooks.
fn plugin(desk: &Desk, methods: &str) {
    let mut main = format!("import re\n\n\nclass Plugin:\n{methods}\n");
    for hook in ["get_password_list", "get_private_key_list", "authentication_completed", "session_ended"] {
        if !methods.contains(&format!("def {hook}(")) {
            main.push_str(&format!("    def {hook}(self):\n        return None\n\n"));
        }
    }
    desk.write("store/main.py", main);
    let manifest =
        "api: \"1.0\"\ntype: credentialstore\nname: Store\nversion: \"1.0\"\ndescription: d\nentry_point: main.py\n";
    desk.write("store/MANIFEST", manifest);
}

/// Runs `test` on it.
fn test(desk: &Desk) -> Ran {
    let ran = desk.run(&["test", "store", "--runs", "600", "--seed", "1", "--jobs", "1", "--format", "json"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    ran
}

/// The findings with the arguments of the last call of their cases.
fn findings(desk: &Desk, ran: &Ran) -> Vec<(String, BTreeMap<String, Value>)> {
    let report = ran.json();
    let of = |finding: &Value| {
        let path = desk.path(finding["case"].as_str().unwrap());
        let case: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let call = case["calls"].as_array().unwrap().last().unwrap().clone();
        let arguments = serde_json::from_value(call["arguments"].clone()).unwrap();
        (finding["message"].as_str().unwrap().to_owned(), arguments)
    };
    report["findings"].as_array().unwrap().iter().map(of).collect()
}

/// The only finding with the arguments of its case, which must be within the contract and still there.
#[track_caller]
fn only(desk: &Desk, ran: &Ran) -> (String, BTreeMap<String, Value>) {
    let mut found = findings(desk, ran);
    assert_eq!(found.len(), 1, "{found:?}");
    let again = desk.run(&["replay", "store"]);
    assert!(again.stdout.contains("still there") && !again.stdout.contains("outside of the contract"), "{again:?}");
    found.remove(0)
}

#[test]
fn a_case_passes_every_argument_that_the_hook_takes_with_values_of_the_platform() {
    for (arguments, lines) in [
        ("server_port=None, server_username=None", &["return {'passwords': [{22: 'a', 443: 'b'}[server_port]]}"][..]),
        ("server_port=22, server_username=''", &["return {'passwords': [{22: 'a', 443: 'b'}[server_port]]}"]),
        ("**arguments", &["return {'passwords': [{22: 'a', 443: 'b'}[arguments['server_port']]]}"]),
        ("protocol='', server_port=0, **rest", &["assert server_port in (22, 443), server_port"]),
    ] {
        let desk = Desk::new();
        store(&desk, arguments, lines);
        let (message, case) = only(&desk, &test(&desk));
        let port = case["server_port"].as_i64().unwrap_or_else(|| panic!("{arguments}: {message}, {case:?}"));
        assert!((1..=65535).contains(&port) && port != 22 && port != 443, "{message}");
        assert!(arguments != "**arguments" || case.len() > 15, "{case:?}");
        assert!(!case.contains_key("server_username") || !arguments.starts_with("protocol") || case.len() > 10);
    }
}

#[test]
fn an_address_that_matters_is_in_the_case_before_and_after_a_guard_against_an_empty_one() {
    let desk = Desk::new();
    store(&desk, "server_username='', server_ip=''", &["first, rest = server_ip.split('.', 1)"]);
    let (_, case) = only(&desk, &test(&desk));
    assert!(case["server_ip"].as_str().unwrap().contains(':'), "{case:?}");
    store(
        &desk,
        "server_username='', server_ip=''",
        &["if not server_ip:", "    return None", "first, rest = server_ip.split('.', 1)"],
    );
    assert!(desk.run(&["replay", "store"]).stdout.contains("still there"));
    fs::remove_dir_all(desk.path("corpora")).unwrap();
    let (_, case) = only(&desk, &test(&desk));
    assert!(case["server_ip"].as_str().unwrap().contains(':'), "{case:?}");
}

#[test]
fn none_is_in_a_case_only_where_the_platform_passes_it() {
    let desk = Desk::new();
    store(&desk, "client_hostname='', server_username=''", &["return {'passwords': [client_hostname.upper()]}"]);
    let (message, case) = only(&desk, &test(&desk));
    assert!(message.contains("'NoneType' object has no attribute 'upper'"), "{message}");
    assert_eq!((&case["client_hostname"], case["server_username"].is_string()), (&Value::Null, true));
    // A default is nothing that the platform passes.
    store(&desk, "server_username=None", &["return {'passwords': [server_username.upper()]}"]);
    let ran = desk.run(&["test", "store", "--runs", "600", "--seed", "1"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
}

#[test]
fn two_and_three_faults_on_one_line_are_as_many_findings_each_with_its_case() {
    let desk = Desk::new();
    store(
        &desk,
        "client_hostname, gateway_domain, server_ip",
        &["return {'passwords': [client_hostname.upper(), gateway_domain.upper(), server_ip.split('.')[3]]}"],
    );
    let found = findings(&desk, &test(&desk));
    let shows = |with: &dyn Fn(&BTreeMap<String, Value>) -> bool| found.iter().filter(|(_, case)| with(case)).count();
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(shows(&|case| case["client_hostname"].is_null()), 1, "{found:?}");
    assert_eq!(shows(&|case| case["gateway_domain"].is_null() && !case["client_hostname"].is_null()), 1, "{found:?}");
    assert_eq!(shows(&|case| case["server_ip"].as_str().unwrap().contains(':')), 1, "{found:?}");

    let desk = Desk::new();
    let line = "return {'passwords': [str(int(server_username or 0) + int(gateway_username or 0))]}";
    store(&desk, "server_username, gateway_username", &[line]);
    let found = findings(&desk, &test(&desk));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn shrinking_keeps_the_type_of_what_failed() {
    // With an address of one kind it is None that fails, with the other one a text without a dot.
    let desk = Desk::new();
    let lines = ["host = client_hostname if ':' in client_ip else server_username", "first, rest = host.split('.', 1)"];
    store(&desk, "client_hostname, client_ip, server_username", &lines);
    let report = test(&desk);
    let found = findings(&desk, &report);
    let messages: Vec<&str> = found.iter().map(|(message, _)| message.as_str()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    for (message, case) in &found {
        let is_none = case["client_hostname"].is_null() && case["client_ip"].as_str().unwrap().contains(':');
        assert_eq!(message.contains("NoneType"), is_none, "{messages:?} {case:?}");
    }
}

/// A case of `get_password_list` with these arguments.
fn written(desk: &Desk, name: &str, arguments: &str, cookie: &str) {
    desk.write(
        name,
        format!(
            "{{\"format\": 1, \"type\": \"credentialstore\", \"platform\": \"9.0\", \"session_cookie\": {{}}, \
             \"cookie\": {cookie}, \"calls\": [{{\"hook\": \"get_password_list\", \"arguments\": {arguments}}}]}}"
        ),
    );
}

#[test]
fn a_written_case_outside_of_the_contract_runs_and_both_commands_say_why() {
    for (arguments, cookie, says) in [
        ("{}", "{}", "call 1, `get_password_list`: the platform always passes `server_ip`, `server_port`"),
        (r#"{"server_ip": "10.0.0.1"}"#, "{}", "the platform always passes `server_port`"),
        (
            r#"{"server_ip": "10.0.0.1", "server_port": "22"}"#,
            "{}",
            "`server_port` cannot be \"22\": the platform passes",
        ),
        (r#"{"server_ip": null, "server_port": 22}"#, "{}", "`server_ip` cannot be null"),
        (r#"{"server_ip": "::1", "server_port": 22}"#, r#"{"a": 1}"#, "the plugin never returned the `cookie`"),
    ] {
        let desk = Desk::new();
        store(&desk, "server_ip=None, server_port=None", &["return None"]);
        written(&desk, "corpora/Store/mine.json", arguments, cookie);
        for command in [&["run", "store", "--case", "corpora/Store/mine.json"][..], &["replay", "store"]] {
            let ran = desk.run(command);
            assert_eq!(ran.status, Some(0), "{ran:?}");
            let all = ran.stdout + &ran.stderr;
            assert!(all.contains("outside of the contract") && all.contains(says), "{command:?}: {all}");
        }
    }
    let desk = Desk::new();
    store(&desk, "server_ip=None, server_port=None", &["return None"]);
    written(&desk, "corpora/Store/mine.json", r#"{"server_ip": "::1", "server_port": 22}"#, "{}");
    for command in [&["run", "store", "--case", "corpora/Store/mine.json"][..], &["replay", "store"]] {
        let ran = desk.run(command);
        assert!(!(ran.stdout.clone() + &ran.stderr).contains("outside of the contract"), "{ran:?}");
    }
}

#[test]
fn run_says_which_argument_the_platform_would_never_pass_so() {
    let desk = Desk::new();
    store(&desk, "server_ip, server_port", &["return None"]);
    let run = |arguments: &str| desk.run(&["run", "store", "--hook", "get_password_list", "--arguments", arguments]);
    let wrong = run(r#"{"server_port": "22"}"#);
    assert!(
        wrong.stdout.contains("`server_port` cannot be \"22\": the platform passes an int from 1 to 65535"),
        "{wrong:?}"
    );
    let unknown = run(r#"{"sever_port": 22}"#);
    assert!(unknown.status == Some(2) && unknown.stderr.contains("the nearest is `server_port`"), "{unknown:?}");
    let right = run(r#"{"server_port": 22, "cookie": {"a": 1}}"#);
    assert!(right.status == Some(0) && !right.stdout.contains("outside"), "{right:?}");
}

#[test]
fn a_cookie_that_the_plugin_never_returned_is_made_on_request_only() {
    let methods = "    def get_password_list(self, cookie):
        return {'cookie': {'expires': 5}}

    def authentication_completed(self, cookie):
        if 'expires' in cookie and cookie['expires'] + 1 > 3:
            return {'cookie': cookie}
        return None
";
    let desk = Desk::new();
    plugin(&desk, methods);
    let fuzz = ["fuzz", "store", "--runs", "6000", "--seed", "1", "--format", "json"];
    for command in [&fuzz[..], &["test", "store", "--runs", "6000", "--seed", "1", "--format", "json"]] {
        let ran = desk.run(command);
        assert_eq!((ran.status, ran.rules()), (Some(0), Vec::new()), "{ran:?}");
        let forged = [command, &["--foreign-cookies"]].concat();
        let ran = desk.run(&forged);
        let report = ran.json();
        let findings = report["findings"].as_array().unwrap();
        assert!(ran.status == Some(0) && !findings.is_empty(), "{ran:?}");
        assert!(findings.iter().all(|one| one["foreign_cookie"] == true && one["severity"] == "warning"), "{ran:?}");
        // What the corpus has of it is not tried without the option.
        let ran = desk.run(command);
        assert_eq!((ran.status, ran.rules()), (Some(0), Vec::new()), "{ran:?}");
    }
}
