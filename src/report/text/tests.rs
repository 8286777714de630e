//! Whole reports.

use super::{layout, report::WHOLE_LIMIT, *};
use crate::{
    case::SetOption,
    engine::{ReportedFinding, Summary},
    finding::{Finding, Location, Rule, fingerprint},
    report::{FormatOptions, Report, RunContext, examples, explanation},
};

const OPTIONS: FormatOptions = FormatOptions { width: 100, is_verbose: false, with_opening: false, root: None };

fn source(_: &str, line: u32) -> Option<String> {
    let text = match line {
        92 => "        return self.session_cookie.get(\"questions\", {}).get(\"vp\")",
        _ => "version: 1.10",
    };
    Some(text.into())
}

/// The report of `command`, which begins as `change` says.
fn made(command: &str, summary: &Summary, change: impl FnOnce(&mut Report)) -> Report {
    let mut report = examples::begun(command);
    report.planned = Some(1000);
    change(&mut report);
    report.add_run(summary, RunContext { source: &source, ..examples::context() });
    report
}

fn shown(summary: &Summary) -> String {
    redacted(&made("test", summary, |_| {}), &OPTIONS)
}

/// The report without colours, explanations and fingerprints, which have tests of their own.
fn redacted(report: &Report, options: &FormatOptions) -> String {
    let mut text = anstream::adapter::strip_str(&super::report(report, options)).to_string();
    for one in &report.findings {
        let why = explanation::why(one.known_rule().unwrap());
        text = text.replace(&wrapped(&why, options.width, layout::INDENT), "WHY");
        text = text.replace(&one.fingerprint, "FINGERPRINT");
    }
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn a_run_opens_with_what_it_is_about() {
    let text = anstream::adapter::strip_str(&opening(&examples::begun("test"))).to_string();
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(text, @r"
        hookstorm VERSION: MyVault 1.0 (credentialstore) on platform 9.0, Python 3.11.7, seed 42
        ");
}

#[test]
fn a_finding_says_what_where_why_and_what_to_type_next() {
    let mut other = examples::reported(Rule::UncaughtException, 0);
    other.finding.message = "TypeError: 'NoneType' object is not iterable".into();
    let summary = examples::summary(vec![
        examples::reported(Rule::UncaughtException, 0),
        other,
        examples::reported(Rule::LossyJson, 1),
    ]);
    insta::assert_snapshot!(shown(&summary), @r#"
    error[uncaught-exception] get_password_list: AttributeError: 'list' object has no attribute 'get'
      --> lib/plugin.py:92 in user_defined_path
       |
    92 |         return self.session_cookie.get("questions", {}).get("vp")
       |
       with:    session_cookie = {"questions":["vp"]}
                client_ip = "fe80::1"
                gateway_domain = null
                server_username = "a\u202eb"
       why:     WHY
       118 times in 1000 sessions; the smallest case has 2 calls
       again:   hookstorm run vault/ --case corpora/MyVault/FINGERPRINT.json
       explain: hookstorm explain uncaught-exception
       same:    uncaught-exception get_password_list: TypeError: 'NoneType' object is not iterable (lib/plugin.py:92), FINGERPRINT.json

    warning[lossy-json] get_password_list: AttributeError: 'list' object has no attribute 'get'
      --> lib/plugin.py:92 in user_defined_path
       |
    92 |         return self.session_cookie.get("questions", {}).get("vp")
       |
       with:    session_cookie = {"questions":["vp"]}
                client_ip = "fe80::1"
                gateway_domain = null
                server_username = "a\u202eb"
       why:     WHY
       118 times in 1000 sessions; the smallest case has 2 calls
       again:   hookstorm run vault/ --case corpora/MyVault/FINGERPRINT.json
       explain: hookstorm explain lossy-json

    3 findings (2 errors, 1 warning) in 1000 sessions, 3712 calls, 1.9 s, seed 42, 61 of 74 lines
    "#);
}

#[test]
fn a_finding_names_the_options_that_it_needs_and_hides_their_secrets() {
    let mut needing = examples::reported(Rule::UncaughtException, 0);
    let option = |section: &str, name: &str, value: &str| SetOption {
        section: section.into(),
        name: name.into(),
        value: value.into(),
    };
    let options = vec![
        option("auth", "prompt", "Code:"),
        option("vault", "password", "hunter2"),
        option("whitelist source=user_list", "name", "users"),
    ];
    needing.case.as_mut().unwrap().session.options = options;
    let text = shown(&examples::summary(vec![needing]));
    let needs =
        "   needs:   [auth] prompt = Code:, [vault] password = ***, [whitelist source=user_list] name = users\n";
    assert!(text.contains(needs), "{text}");
    assert!(!shown(&examples::summary(vec![examples::reported(Rule::Timeout, 0)])).contains("needs:"));
}

#[test]
fn what_fails_every_nominal_session_comes_first() {
    let mut always = examples::reported(Rule::ConstructorFailed, 0);
    always.every_session = true;
    let summary = examples::summary(vec![always, examples::reported(Rule::Timeout, 1)]);
    let text = shown(&summary);
    let heading = text.find("in every nominal session").unwrap();
    let first = text.find("error[constructor-failed]").unwrap();
    let apart = text.find("other findings:").unwrap();
    assert!(heading < first && first < apart && apart < text.find("error[timeout]").unwrap(), "{text}");
}

/// A finding of another hook with this message.
fn another(hook: crate::contract::Hook, message: &str, group: usize) -> ReportedFinding {
    let mut one = examples::reported(Rule::UncaughtException, group);
    one.finding.hook = Some(hook);
    one.finding.message = message.into();
    one
}

#[test]
fn what_only_follows_is_under_its_cause_also_if_every_session_shows_it() {
    let cause = examples::reported(Rule::NotJson, 0);
    let mut follows = another(crate::contract::Hook::SessionEnded, "KeyError: 'account'", 0);
    follows.follows = Some(cause.finding.fingerprint.clone());
    follows.every_session = true;
    let text = shown(&examples::summary(vec![cause, follows]));
    assert!(!text.contains("in every nominal session"), "{text}");
    let line = "   follows: uncaught-exception session_ended: KeyError: 'account' (lib/plugin.py:92)";
    assert!(text.contains(line) && !text.contains("error[uncaught-exception]"), "{text}");
}

#[test]
fn findings_of_the_sdk_are_apart_with_its_version() {
    let mut sdk = another(crate::contract::Hook::SessionEnded, "TypeError: no", 1);
    sdk.in_sdk = true;
    let summary = examples::summary(vec![examples::reported(Rule::Timeout, 0), sdk]);
    let report = made("test", &summary, |report| report.sdk = Some("1.9.1".into()));
    let text = redacted(&report, &OPTIONS);
    let heading = text.find("in the Plugin SDK 1.9.1, not in your plugin:\n").unwrap();
    let (own, sdk) = (text.find("[timeout]").unwrap(), text.find("TypeError: no").unwrap());
    assert!(own < heading && heading < sdk, "{text}");
    let read = Report::parse(&report.to_json()).unwrap();
    assert!(redacted(&read, &OPTIONS).contains("in the Plugin SDK 1.9.1"), "a file says the same");
}

#[test]
fn the_arguments_that_make_the_difference_are_shown_and_no_others() {
    use crate::{contract::Argument, engine::DecisiveArgument};
    let mut one = examples::reported(Rule::UncaughtException, 0);
    let session = &mut one.case.as_mut().unwrap().session;
    session.session_cookie = crate::case::Value::empty_dict();
    session.calls[0].arguments = vec![
        (Argument::ServerUsername, "svc-backup".into()),
        (Argument::ServerPort, 65_535.into()),
        (Argument::TargetUsername, "\u{ff16}\u{ff16}".into()),
    ];
    session.calls[1].arguments = vec![(Argument::SessionId, "s-7".into())];
    let decisive = |call, argument| DecisiveArgument { call, argument };
    one.decisive = Some(vec![
        decisive(0, Argument::ServerUsername),
        decisive(0, Argument::TargetUsername),
        decisive(1, Argument::SessionId),
    ]);
    let report = made("test", &examples::summary(vec![one]), |_| {});
    let lines = "   with:    server_username = \"svc-backup\"
            target_username = \"\u{ff16}\u{ff16}\" (U+FF16)
            session_id of session_ended = \"s-7\"\n";
    for report in [&report, &Report::parse(&report.to_json()).unwrap()] {
        let text = redacted(report, &OPTIONS);
        assert!(text.contains(lines) && !text.contains("65535"), "{text}");
    }
}

#[test]
fn a_caution_comes_first_and_nothing_found_is_no_success_then() {
    let summary =
        Summary { cautions: vec!["none of 500 sessions was accepted".into()], ..examples::summary(Vec::new()) };
    let report = made("test", &summary, |_| {});
    let text = redacted(&report, &FormatOptions { with_opening: true, ..OPTIONS });
    let second = text.lines().nth(1).unwrap();
    assert_eq!(second, "caution: none of 500 sessions was accepted");
    let coloured = super::report(&report, &OPTIONS);
    assert!(!coloured.contains(&format!("{}nothing found", crate::report::style::GOOD)), "{coloured}");
    for format in crate::report::Format::ALL.iter().filter(|format| !format.is_stream && format.name != "junit") {
        let written = format.write(&report, &OPTIONS);
        assert!(written.contains("none of 500 sessions was accepted"), "{}: {written}", format.name);
    }
}

#[test]
fn a_finding_in_manifest_points_at_its_column() {
    let finding = Finding {
        hook: None,
        message: "`version` is 1.1 for YAML 1.1 and 1.10 for YAML 1.2".into(),
        location: Some(Location { file: "MANIFEST".into(), line: 3, column: 10, function: String::new() }),
        hint: Some("write it in quotes: `version: \"1.10\"`".into()),
        fingerprint: fingerprint(Rule::ManifestAmbiguous, None, "", "MANIFEST", "", "version"),
        call: None,
        ..examples::finding(Rule::ManifestAmbiguous)
    };
    let reported = ReportedFinding::without_case(finding);
    let summary = Summary { reported: vec![reported], ..Summary::default() };
    let report = made("check", &summary, |report| report.seed = None);
    insta::assert_snapshot!(redacted(&report, &OPTIONS), @r#"
    error[manifest-ambiguous] `version` is 1.1 for YAML 1.1 and 1.10 for YAML 1.2
     --> MANIFEST:3:10
      |
    3 | version: 1.10
      |          ^
       hint:    write it in quotes: `version: "1.10"`
       why:     WHY
       explain: hookstorm explain manifest-ambiguous

    1 finding (1 error) in MyVault, 0 ms
    "#);
}

#[test]
fn silence_and_an_interruption_are_said() {
    let mut summary = examples::summary(Vec::new());
    assert_eq!(shown(&summary), "nothing found in 1000 sessions, 3712 calls, 1.9 s, seed 42, 61 of 74 lines\n");
    (summary.interrupted, summary.sessions) = (true, 312);
    let report = made("test", &summary, |report| report.again.own = ["--runs", "1000"].map(str::to_owned).to_vec());
    insta::assert_snapshot!(redacted(&report, &OPTIONS), @r"
    interrupted after 312 of 1000 sessions; to begin again: hookstorm test vault/ --runs 1000 --seed 42
    nothing found in 312 sessions, 3712 calls, 1.9 s, seed 42, 61 of 74 lines
    ");
}

#[test]
fn many_findings_are_shown_in_brief_unless_the_user_wants_all() {
    let summary = examples::summary((0..9).map(|group| examples::reported(Rule::Timeout, group)).collect());
    let brief = shown(&summary);
    assert_eq!(brief.matches("again:").count(), 9, "{brief}");
    assert_eq!(brief.matches("118 times").count(), WHOLE_LIMIT, "{brief}");
    assert_eq!(brief.matches("why:").count(), 1, "{brief}");
    let whole = redacted(&made("test", &summary, |_| {}), &FormatOptions { is_verbose: true, ..OPTIONS });
    assert_eq!(whole.matches("118 times").count(), 9, "{whole}");
}

#[test]
fn no_text_of_a_plugin_reaches_the_terminal_raw() {
    let mut reported = examples::reported(Rule::UncaughtException, 0);
    reported.finding.message = "\x1b[2J\u{202e}boo\r\n".into();
    let summary = examples::summary(vec![reported]);
    let mut report = examples::begun("test");
    let source = |_: &str, _: u32| Some("\x1b]0;title\x07".to_owned());
    report.add_run(&summary, RunContext { source: &source, ..examples::context() });
    let text = super::report(&report, &OPTIONS);
    let obeyed = |c: char| (c.is_control() && c != '\n' && c != '\x1b') || c == '\u{202e}';
    assert!(!text.contains(obeyed) && !text.contains("\x1b[2J") && !text.contains("\x1b]"), "{text:?}");
    assert!(text.contains(r"\x1b[2J\u202eboo\r\n") && text.contains(r"\x1b]0;title\x07"), "{text:?}");
}

#[test]
fn a_sandbox_violation_is_shown_with_what_would_allow_it_and_nothing_that_would_not() {
    let mut own = examples::reported(Rule::SandboxViolation, 0);
    own.finding.hint = Some("`--allow-network 10.0.0.1:443` opens it".into());
    let text = shown(&examples::summary(vec![own]));
    assert!(text.contains("`--allow-network 10.0.0.1:443` opens it") && !text.contains("HOST:PORT"), "{text}");
    // If no option allows it, none is named.
    let text = shown(&examples::summary(vec![examples::reported(Rule::SandboxViolation, 0)]));
    assert!(text.contains("sandbox-violation") && !text.contains("--allow"), "{text}");
}

#[test]
fn a_report_in_a_file_is_shown_as_the_run_showed_it_without_what_only_the_case_says() {
    let mut summary = examples::summary(vec![examples::reported(Rule::UncaughtException, 0)]);
    summary.reported[0].case.as_mut().unwrap().session.session_cookie = crate::case::Value::empty_dict();
    let report = made("test", &summary, |report| {
        report.again.options = ["--config", "it's.cfg"].map(str::to_owned).to_vec();
        report.again.levels = vec!["uncaught-exception=error".into()];
    });
    let options = FormatOptions { with_opening: true, ..OPTIONS };
    let read = Report::parse(&report.to_json()).unwrap();
    let text = redacted(&read, &options);
    insta::assert_snapshot!(text, @r#"
    hookstorm VERSION: MyVault 1.0 (credentialstore) on platform 9.0, Python 3.11.7, seed 42
    error[uncaught-exception] get_password_list: AttributeError: 'list' object has no attribute 'get'
      --> lib/plugin.py:92 in user_defined_path
       |
    92 |         return self.session_cookie.get("questions", {}).get("vp")
       |
       with:    client_ip = "fe80::1"
                gateway_domain = null
                server_username = "a\u202eb"
       why:     WHY
       118 times in 1000 sessions
       again:   hookstorm run vault/ --case corpora/MyVault/FINGERPRINT.json --rule uncaught-exception=error --config 'it'\''s.cfg'
       explain: hookstorm explain uncaught-exception

    1 finding (1 error) in 1000 sessions, 3712 calls, 1.9 s, seed 42, 61 of 74 lines
    "#);
    assert_eq!(redacted(&report, &options).replace("; the smallest case has 2 calls", ""), text);
}

#[test]
fn a_rule_of_a_later_version_is_shown_by_its_name() {
    let json = r#"{"hookstorm": "7.0.0", "command": "dream", "status": "ok", "colour": "red",
        "plugin": {"name": "A", "type": "oracle", "version": null, "path": "a/"}, "platform": "11.0", "python": null,
        "elapsed_seconds": -1e300, "findings": [{"rule": "of-tomorrow", "severity": "grave", "message": "bad",
        "fingerprint": "3f9c2a71d0b4"}]}"#;
    let report = Report::parse(json).unwrap();
    let text = super::report(&report, &FormatOptions { with_opening: true, ..OPTIONS });
    insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r"
    hookstorm 7.0.0: A (oracle) on platform 11.0
    warning[of-tomorrow] bad

    1 finding (1 warning) in 0 sessions, 0 calls, 0 ms
    ");
}
