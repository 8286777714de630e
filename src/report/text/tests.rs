//! Whole reports, from values made by hand.

use std::sync::LazyLock;

use super::*;
use crate::{
    case::SetOption,
    engine::Summary,
    finding::{Baseline, Finding, Location, fingerprint},
    report::{Again, examples},
};

/// Nothing is known.
static NONE: LazyLock<Baseline> = LazyLock::new(Baseline::default);

fn source(_: &str, line: u32) -> Option<String> {
    let text = match line {
        92 => "        return self.session_cookie.get(\"questions\", {}).get(\"vp\")",
        _ => "version: 1.10",
    };
    Some(text.into())
}

fn shown(summary_: &Summary, again: &Again, change: impl FnOnce(&mut Report<'_>)) -> String {
    let head = examples::head();
    let mut report = Report {
        head: &head,
        summary: summary_,
        again,
        source: &source,
        secrets: &[],
        planned: Some(1000),
        width: 100,
        is_verbose: false,
        baseline: &NONE,
    };
    change(&mut report);
    redacted(&report)
}

/// The report without colours, explanations and fingerprints, which have tests of their own.
fn redacted(report: &Report<'_>) -> String {
    let mut text = anstream::adapter::strip_str(&summary(report)).to_string();
    for one in &report.summary.reported {
        let why = finding::why(one.finding.rule.explanation());
        text = text.replace(&wrapped(&why, report.width, 12), "WHY");
        text = text.replace(one.finding.fingerprint.as_str(), "FINGERPRINT");
    }
    text
}

#[test]
fn a_run_opens_with_what_it_is_about() {
    let text = anstream::adapter::strip_str(&opening(&examples::head())).to_string();
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(text, @r"
        hookstorm VERSION: MyVault 1.0 (credentialstore) on platform 9.0, Python 3.11.7, seed 42
        ");
}

#[test]
fn a_finding_tells_what_where_why_and_what_to_type_next() {
    let mut other = examples::reported(Rule::UncaughtException, 0);
    other.finding.message = "TypeError: 'NoneType' object is not iterable".into();
    let summary = examples::summary(vec![
        examples::reported(Rule::UncaughtException, 0),
        other,
        examples::reported(Rule::LossyJson, 1),
    ]);
    insta::assert_snapshot!(shown(&summary, &examples::again(), |_| {}), @r#"
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
       same:    uncaught-exception get_password_list: TypeError: 'NoneType'… (lib/plugin.py:92), FINGERPRINT.json

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
    let text = shown(&examples::summary(vec![needing]), &examples::again(), |_| {});
    let needs =
        "   needs:   [auth] prompt = Code:, [vault] password = ***, [whitelist source=user_list] name = users\n";
    assert!(text.contains(needs), "{text}");
    assert!(
        !shown(&examples::summary(vec![examples::reported(Rule::Timeout, 0)]), &examples::again(), |_| {})
            .contains("needs:")
    );
}

#[test]
fn what_fails_every_session_comes_first_and_advises_configuration_only_where_none_was_given() {
    let mut always = examples::reported(Rule::ConstructorFailed, 0);
    always.every_session = true;
    let summary = examples::summary(vec![always, examples::reported(Rule::Timeout, 1)]);
    let text = shown(&summary, &examples::again(), |_| {});
    let heading = text.find("in every ordinary session").unwrap();
    let first = text.find("error[constructor-failed]").unwrap();
    let apart = text.find("beyond that:").unwrap();
    assert!(heading < first && first < apart && apart < text.find("error[timeout]").unwrap(), "{text}");
    assert!(text.contains("give it with `--config FILE`"), "{text}");
    let configured = Again { is_configured: true, ..examples::again() };
    assert!(!shown(&summary, &configured, |_| {}).contains("--config FILE"));
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
    let reported = ReportedFinding {
        finding,
        occurrences: 1,
        case: None,
        case_path: None,
        call: None,
        group: 0,
        every_session: false,
    };
    let summary = Summary { reported: vec![reported], ..Summary::default() };
    let mut head = examples::head();
    (head.command, head.seed) = ("check", None);
    let report = Report {
        head: &head,
        summary: &summary,
        again: &examples::again(),
        source: &source,
        secrets: &[],
        planned: None,
        width: 100,
        is_verbose: false,
        baseline: &NONE,
    };
    insta::assert_snapshot!(redacted(&report), @r#"
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
    assert_eq!(
        shown(&summary, &examples::again(), |_| {}),
        "nothing found in 1000 sessions, 3712 calls, 1.9 s, seed 42, 61 of 74 lines\n"
    );
    (summary.interrupted, summary.sessions) = (true, 312);
    let own = ["--runs", "1000"].map(str::to_owned).to_vec();
    let again = Again { own, ..examples::again() };
    insta::assert_snapshot!(shown(&summary, &again, |_| {}), @r"
    interrupted after 312 of 1000 sessions; the same from the start: hookstorm test vault/ --runs 1000 --seed 42
    nothing found in 312 sessions, 3712 calls, 1.9 s, seed 42, 61 of 74 lines
    ");
}

#[test]
fn many_findings_are_told_in_brief_unless_the_user_wants_all() {
    let summary = examples::summary((0..9).map(|group| examples::reported(Rule::Timeout, group)).collect());
    let brief = shown(&summary, &examples::again(), |_| {});
    assert_eq!(brief.matches("again:").count(), 9, "{brief}");
    assert_eq!(brief.matches("118 times").count(), WHOLE_LIMIT, "{brief}");
    assert_eq!(brief.matches("why:").count(), 1, "{brief}");
    let whole = shown(&summary, &examples::again(), |report| report.is_verbose = true);
    assert_eq!(whole.matches("118 times").count(), 9, "{whole}");
}

#[test]
fn no_text_of_a_plugin_reaches_the_terminal_raw() {
    let mut reported = examples::reported(Rule::UncaughtException, 0);
    reported.finding.message = "\x1b[2J\u{202e}boo\r\n".into();
    let summary = examples::summary(vec![reported]);
    let head = examples::head();
    let report = Report {
        head: &head,
        summary: &summary,
        again: &examples::again(),
        source: &|_, _| Some("\x1b]0;title\x07".into()),
        secrets: &[],
        planned: None,
        width: 100,
        is_verbose: false,
        baseline: &NONE,
    };
    let text = super::summary(&report);
    let obeyed = |c: char| (c.is_control() && c != '\n' && c != '\x1b') || c == '\u{202e}';
    assert!(!text.contains(obeyed) && !text.contains("\x1b[2J") && !text.contains("\x1b]"), "{text:?}");
    assert!(text.contains(r"\x1b[2J\u202eboo\r\n") && text.contains(r"\x1b]0;title\x07"), "{text:?}");
}

#[test]
fn what_the_sandbox_refused_is_told_with_what_would_allow_it_and_nothing_that_would_not() {
    let mut own = examples::reported(Rule::SandboxViolation, 0);
    own.finding.hint = Some("`--allow-network 10.0.0.1:443` opens it".into());
    let text = shown(&examples::summary(vec![own]), &examples::again(), |_| {});
    assert!(text.contains("`--allow-network 10.0.0.1:443` opens it") && !text.contains("HOST:PORT"), "{text}");
    // What no option opens is told without one.
    let text =
        shown(&examples::summary(vec![examples::reported(Rule::SandboxViolation, 0)]), &examples::again(), |_| {});
    assert!(text.contains("sandbox-violation") && !text.contains("--allow"), "{text}");
}
