//! Plugins that hang: the first hang costs its time limit, the next ones at the same place nearly nothing, and nothing
//! else is hidden by it.

mod program;

use program::Desk;
use serde_json::Value;

const MANIFEST: &str = "api: \"1.0\"\ntype: credentialstore\nname: Hangs\nversion: \"1.0\"\ndescription: hangs\n\
     entry_point: main.py\n";

/// As [`report_in`], with half a second for a call.
fn report(command: &str, body: &str, arguments: &[&str]) -> Value {
    report_in("500ms", command, body, arguments)
}

/// The report of a run of that command, in JSON, on a plugin whose `get_password_list` has that body. If the body
/// begins with `*`, every hook has it.
fn report_in(timeout: &str, command: &str, body: &str, arguments: &[&str]) -> Value {
    let desk = Desk::new();
    let (body, everywhere) = body.strip_prefix('*').map_or((body, "pass"), |body| (body, body));
    let body: String = body.trim().lines().map(|line| format!("        {line}\n")).collect();
    desk.write("plugin/MANIFEST", MANIFEST);
    desk.write(
        "plugin/main.py",
        format!(
            "import time\n\n\ndef wait(rest):\n    while rest != 0:\n        rest -= 1\n\n\nclass Plugin:\n    \
             def get_password_list(self, server_port, client_ip):\n{body}        return {{'passwords': []}}\n\n    \
             def get_private_key_list(self):\n        {everywhere}\n        return {{'private_keys': []}}\n\n    \
             def authentication_completed(self):\n        {everywhere}\n        return None\n\n    \
             def session_ended(self, session_id):\n        {everywhere}\n        return None\n"
        ),
    );
    let common = [command, "plugin", "--seed", "1", "--jobs", "2", "--timeout", timeout, "--format", "json"];
    desk.run(&[&common[..], arguments].concat()).json()
}

/// How many sessions were ended early, as the notes say.
fn ended_early(report: &Value) -> f64 {
    let notes = report["notes"].as_array().unwrap().iter().filter_map(Value::as_str);
    let mut counts = notes.filter(|note| note.contains("a timeout was confirmed before"));
    counts.next().and_then(|note| note.split(' ').next()?.parse().ok()).unwrap_or(0.0)
}

/// The rules of the findings, with the functions.
fn found(report: &Value) -> Vec<(&str, &str)> {
    let mut found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["rule"].as_str().unwrap(), one["location"]["function"].as_str().unwrap_or_default()))
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn a_hang_at_a_boundary_is_waited_for_a_few_times_and_then_ended_early() {
    for command in ["test", "fuzz"] {
        let report = report(command, "if server_port >= 60000:\n    wait(-1)", &["--runs", "1500"]);
        assert_eq!(found(&report), [("timeout", "wait")], "{report:#}");
        let early = ended_early(&report);
        let waited = report["findings"][0]["occurrences"].as_f64().unwrap();
        assert!(early > 20.0 && waited < early / 2.0, "{command}: {early} early, {waited} not");
        assert_eq!(report["sessions"], 1500, "{report:#}");
    }
}

#[test]
fn what_is_only_slow_at_the_same_place_is_no_finding_and_what_follows_it_is_found() {
    let body = "
if server_port >= 60000:
    wait(-1)
if server_port < 2000:
    until = time.monotonic() + 0.02
    while time.monotonic() < until:
        wait(1000)
    raise KeyError('slow')
";
    let report = report_in("1s", "test", body, &["--runs", "600"]);
    assert_eq!(found(&report), [("timeout", "wait"), ("uncaught-exception", "get_password_list")], "{report:#}");
    assert!(ended_early(&report) > 0.0, "{report:#}");
}

#[test]
fn two_places_that_hang_are_both_found() {
    let body = "
if server_port >= 60000:
    wait(-1)
if server_port < 3000:
    while True:
        time.sleep(0.01)
";
    let report = report("test", body, &["--runs", "1500"]);
    assert_eq!(found(&report), [("timeout", "get_password_list"), ("timeout", "wait")], "{report:#}");
}

#[test]
fn a_run_in_which_nothing_but_hangs_happens_ends_early_and_says_so() {
    for command in ["test", "fuzz"] {
        let report = report(command, "*wait(-1)", &["--runs", "100000"]);
        // One for each hook.
        assert!(found(&report).iter().all(|one| *one == ("timeout", "wait")), "{report:#}");
        assert!(!found(&report).is_empty(), "{report:#}");
        let sessions = report["sessions"].as_u64().unwrap();
        assert!(sessions < 5000, "{command}: {sessions}");
        let note = report["notes"][0].as_str().unwrap();
        assert!(note.starts_with(&format!("all {sessions} sessions ran out of time")), "{command}: {note}");
        assert_eq!(report["status"], "findings", "{report:#}");
    }
}
