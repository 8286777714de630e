//! What a finding says beside its rule: the place, the reason, the remedy and the cause. A hint that is not true is
//! worse than none, so each plugin has exactly one cause, and the finding must name it.

mod program;

use program::Desk;
use serde_json::Value;

/// The findings of `command` on a plugin of `tests/plugins`.
fn findings(command: &str, folder: &str) -> Vec<Value> {
    let path = program::folder("tests/plugins").join(folder).to_string_lossy().into_owned();
    let mut arguments = vec![command, &path, "--format", "json"];
    if command == "test" {
        arguments.extend(["--runs", "300", "--seed", "1", "--jobs", "1"]);
    }
    let venv;
    if folder.starts_with("sdk/") {
        venv = program::venv().to_string_lossy().into_owned();
        arguments.extend(["--venv", &venv]);
    }
    let ran = Desk::new().run(&arguments);
    assert!(matches!(ran.status, Some(0 | 1)), "{ran:?}");
    ran.json()["findings"].as_array().unwrap().clone()
}

fn text<'v>(finding: &'v Value, field: &str) -> &'v str {
    finding[field].as_str().unwrap_or_default()
}

/// The only finding of a rule.
#[track_caller]
fn only<'v>(findings: &'v [Value], rule: &str) -> &'v Value {
    let found: Vec<_> = findings.iter().filter(|finding| text(finding, "rule") == rule).collect();
    assert_eq!(found.len(), 1, "{findings:#?}");
    found[0]
}

/// The hint of the only finding of a rule.
#[track_caller]
fn hint(command: &str, folder: &str, rule: &str) -> String {
    text(only(&findings(command, folder), rule), "hint").to_owned()
}

#[test]
fn each_place_of_a_leak_is_a_finding_with_its_line_level_reason_and_remedy() {
    let findings = findings("test", "misc/leaks-in-places");
    let mut leaks: Vec<_> = findings
        .iter()
        .filter(|finding| text(finding, "rule") == "secret-leak")
        .map(|leak| (text(leak, "severity"), leak["location"]["line"].as_u64(), text(leak, "hint"), leak))
        .collect();
    leaks.sort_by_key(|(_, line, ..)| *line);
    let places: Vec<_> = leaks.iter().map(|(severity, line, ..)| (*severity, *line)).collect();
    assert_eq!(
        places,
        [("error", None), ("error", Some(9)), ("error", Some(14)), ("warning", Some(15)), ("error", Some(19)),],
        "{findings:#?}"
    );
    assert!(text(leaks[0].3, "message").contains("standard output") && leaks[0].2.contains("print"), "{:?}", leaks[0]);
    assert!(leaks[1].2.starts_with("log what identifies"), "{}", leaks[1].2);
    assert!(leaks[4].2.contains("exception's text"), "{}", leaks[4].2);
    assert_ne!(text(leaks[0].3, "reason"), text(leaks[1].3, "reason"));
}

#[test]
fn a_leak_in_a_file_names_the_file_and_advises_for_a_file() {
    let findings = findings("test", "misc/cache-in-a-database");
    let leak = only(&findings, "secret-leak");
    assert_eq!(text(leak, "message"), "a password that a hook returned is left behind in the file `state/leases.db`");
    assert!(text(leak, "reason").contains("disk") && !text(leak, "reason").contains("log"), "{leak:#}");
    assert!(text(leak, "hint").contains("file") && text(leak, "hint").contains("`cookie`"), "{leak:#}");
}

#[test]
fn values_that_came_back_from_json_as_other_types_are_named_with_both_types() {
    let findings = findings("test", "misc/types-in-a-cookie");
    let hints: Vec<_> = findings
        .iter()
        .filter(|finding| text(finding, "rule") == "uncaught-exception")
        .map(|finding| (text(finding, "message"), text(finding, "hint")))
        .collect();
    let find = |message: &str| hints.iter().find(|(known, _)| known.starts_with(message)).map(|(_, hint)| *hint);
    let step = find("AttributeError").unwrap();
    assert!(step.starts_with("`cookie.step` was of type `main.Step` when `authenticate` returned it"), "{step}");
    assert!(step.contains("came back from JSON as `str`"), "{step}");
    // Both have one fingerprint only if they were raised by one type; this one is another.
    let port = find("TypeError").unwrap();
    assert!(port.starts_with("a key of `cookie.by_port` was of type `int`"), "{port}");
    let group = |rule: &str, message: &str| {
        let is_it = |one: &&Value| text(one, "rule") == rule && text(one, "message").starts_with(message);
        findings.iter().find(is_it).unwrap_or_else(|| panic!("{findings:#?}"))["group"].clone()
    };
    assert_eq!(group("uncaught-exception", "TypeError"), group("lossy-json", "`cookie.by_port`"), "one cause");
}

#[test]
fn a_limit_of_hookstorm_is_reported_as_that_and_not_as_the_plugins_exception() {
    let findings = findings("test", "misc/own-limits");
    let said: Vec<_> = findings.iter().map(|finding| (text(finding, "rule"), text(finding, "message"))).collect();
    assert_eq!(said.len(), 2, "{findings:#?}");
    assert!(said.iter().all(|(rule, message)| *rule == "sandbox-violation" && message.contains("hookstorm's limit")));
    assert!(said.iter().any(|(_, message)| message.contains("the 256 MB that a session may")), "{said:?}");
    assert!(said.iter().any(|(_, message)| message.contains("more than 1024 descriptors")), "{said:?}");
}

#[test]
fn a_time_stamp_in_a_cookie_is_no_finding_beside_the_exception() {
    let findings = findings("test", "misc/time-in-a-cookie");
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(text(&findings[0], "message").starts_with("TypeError: can't compare offset-naive"), "{findings:#?}");
    assert_eq!(findings[0]["hint"], Value::Null, "no cause is known, so none is said");
}

#[test]
fn the_cause_of_a_name_that_is_nearly_right_is_named() {
    let findings = findings("check", "misc/hook-misspelt");
    let hints: Vec<_> = findings.iter().map(|finding| text(finding, "hint")).collect();
    assert_eq!(
        hints,
        [
            "`Plugin` has `getPrivateKeyList` (main.py:6): rename it to `get_private_key_list`",
            "`Plugin` has `sesion_ended` (main.py:12): rename it to `session_ended`",
        ]
    );
    assert_eq!(
        hint("check", "misc/class-misspelt", "plugin-class-missing"),
        "the class `VaultPlugin` (main.py:2) has the hooks: rename it to `Plugin`"
    );
}

#[test]
fn the_cause_of_a_relative_import_and_of_a_hidden_signature_is_named() {
    let relative = hint("check", "misc/relative-import", "import-failed");
    assert!(relative.starts_with("`main.py` is in the root and so belongs to no package"), "{relative}");
    let wrapped = hint("test", "misc/hidden-parameters", "uncaught-exception");
    assert!(wrapped.starts_with("`inner` (main.py:3) wraps `get_password_list`"), "{wrapped}");
    assert!(wrapped.contains("`@functools.wraps(function)`"), "{wrapped}");
}

#[test]
fn a_path_that_the_constructor_may_not_write_to_is_one_finding_with_what_differs_on_an_appliance() {
    let findings = findings("check", "misc/path-in-the-constructor");
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let hint = text(only(&findings, "constructor-failed"), "hint");
    assert!(hint.starts_with("the sandbox refused to write to `/var/lib/accounts.sqlite`"), "{hint}");
    assert!(hint.contains("On an appliance") && !hint.contains("--config"), "{hint}");
}

#[test]
fn a_percent_sign_in_the_configuration_is_named_with_its_option() {
    let percent = hint("test", "sdk/percent-in-a-token", "uncaught-exception");
    assert!(percent.ends_with("write `%%` for each percent sign in the value of `[vault] token`"), "{percent}");
    let findings = findings("test", "sdk/percent-in-a-token");
    let groups = ["uncaught-exception", "config-unreadable"].map(|rule| &only(&findings, rule)["group"]);
    assert_eq!(groups[0], groups[1], "one cause: {findings:#?}");
}

#[test]
fn an_exception_of_a_backend_names_the_backend_that_was_not_reached_and_why() {
    let findings = findings("test", "sdk/unreachable-backend");
    let finding = only(&findings, "uncaught-exception");
    let hint = text(finding, "hint");
    assert!(hint.starts_with("`safe.example.com:8443` was not reached, because the sandbox has no network"), "{hint}");
    assert!(!hint.contains("--config"), "{hint}");
    // Its cause is at the end of a message that loses its middle.
    assert!(text(finding, "message").contains("Failed to resolve 'safe.example.com'"), "{finding:#}");
}

#[test]
fn a_word_of_the_plugins_own_code_is_shown_and_its_place_is_one_finding() {
    let path = program::folder("tests/plugins/sdk/menu-in-a-cookie").to_string_lossy().into_owned();
    let venv = program::venv().to_string_lossy().into_owned();
    let ran = Desk::new().run(&["test", &path, "--venv", &venv, "--runs", "1000", "--seed", "1", "--jobs", "1"]);
    assert_eq!(ran.stdout.matches("warning[lossy-json]").count(), 1, "{ran:?}");
    assert!(ran.stdout.contains("?menu") && !ran.stdout.contains("***"), "{ran:?}");
}
