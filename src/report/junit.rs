//! The report as JUnit XML, which CI servers show as tests; the same report is the same bytes.
//!
//! A hook is a suite, and each rule that runs hooks a test of it; `package` and `loading` are suites of their own. An
//! error is a failure with the command that shows it again, a warning is a passed test with a message, and a finding of
//! the baseline is a skipped test. `replay` adds a test for each case, `load` one for each objective and each figure
//! that was compared.
//!
//! ```xml
//! <testsuite name="get_password_list" tests="12" skipped="0" errors="0" failures="1">
//!   <testcase name="uncaught-exception" classname="Vault.get_password_list">
//!     <failure message="ValueError: too many" type="uncaught-exception">lib/naming.py:6 in path …</failure>
//! ```

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{CaseOutcome, CaseResult, FindingEntry, Report, plain};
use crate::{
    finding::{Phase, Rule, Severity},
    load::Measured,
};

/// The report as JUnit XML.
pub fn text(report: &Report) -> String {
    let mut tests = quick_junit::Report::new("hookstorm");
    tests.add_test_suites(suites(report));
    tests.add_test_suites(cases(report));
    tests.add_test_suites(report.load.iter().flat_map(|measured| load(report, measured)));
    let text = tests.to_string().expect("text can be written to memory");
    let mut text = without_skipped(text);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Removes the count of skipped tests that `quick-junit` writes at the root: Jenkins' schema has no such count there.
fn without_skipped(mut text: String) -> String {
    let tag = text.find("<testsuites").and_then(|begin| Some(begin..begin + text[begin..].find('>')?));
    let count = tag.and_then(|tag| {
        let begin = tag.start + text[tag.clone()].find(" skipped=\"")?;
        let digits = begin + " skipped=\"".len();
        Some(begin..digits + text[digits..tag.end].find('"')? + 1)
    });
    if let Some(count) = count {
        text.replace_range(count, "");
    }
    text
}

/// Suites of hooks, and of package and loading rules.
fn suites(report: &Report) -> Vec<TestSuite> {
    let mut found: BTreeMap<(String, &str), Vec<&FindingEntry>> = BTreeMap::new();
    for finding in report.findings_of_no_case() {
        found.entry((suite_of(finding), &finding.rule)).or_default().push(finding);
    }
    // A rule that was not checked did not pass.
    let checked = report.rules.iter().filter_map(|id| Rule::named(id));
    let of_phase = |phase: Phase| checked.clone().filter(move |rule| rule.phase() == phase);
    let mut tests: Vec<(String, &str)> = Vec::new();
    for (suite, phase) in [("package", Phase::Package), ("loading", Phase::Loading)] {
        tests.extend(of_phase(phase).map(|rule| (suite.to_owned(), rule.id())));
    }
    for hook in &report.hooks {
        tests.extend(of_phase(Phase::Calling).map(|rule| (hook.clone(), rule.id())));
    }
    tests.extend(found.keys().filter(|key| !tests.contains(key)).cloned().collect::<Vec<_>>());
    let mut suites: Vec<(String, TestSuite)> = Vec::new();
    for (suite, rule) in tests {
        let findings = found.get(&(suite.clone(), rule)).map_or(&[][..], Vec::as_slice);
        let index = suites.iter().position(|(name, _)| *name == suite).unwrap_or_else(|| {
            suites.push((suite.clone(), TestSuite::new(xml(&suite))));
            suites.len() - 1
        });
        suites[index].1.add_test_case(test_of_rule(report, &suite, rule, findings));
    }
    suites.into_iter().map(|(_, suite)| suite).collect()
}

/// The hook of a finding, or the phase before hooks are called.
fn suite_of(finding: &FindingEntry) -> String {
    match (&finding.hook, finding.known_rule().map(Rule::phase)) {
        (Some(hook), _) => hook.clone(),
        (None, Some(Phase::Package)) => "package".to_owned(),
        (None, Some(Phase::Loading)) => "loading".to_owned(),
        (None, _) => "plugin".to_owned(),
    }
}

fn test_of_rule(report: &Report, suite: &str, rule: &str, findings: &[&FindingEntry]) -> TestCase {
    let failing: Vec<&FindingEntry> =
        findings.iter().copied().filter(|one| !one.known && one.severity == Severity::Error).collect();
    let warning = findings.iter().copied().filter(|one| !one.known && one.severity != Severity::Error);
    let known = findings.iter().copied().filter(|one| one.known);
    let warnings: Vec<String> = warning.map(|one| format!("warning: {}", whole(one))).collect();
    let known: Vec<String> = known.map(|one| format!("known: {}", whole(one))).collect();
    let status = if let Some(first) = failing.first() {
        let more = failing.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        let text = failing.iter().map(|one| whole(one)).collect::<Vec<_>>().join("\n\n");
        not_passed(NonSuccessKind::Failure, rule, &format!("{}{more}", one_line(&first.message)), &text)
    } else if warnings.is_empty() && !known.is_empty() {
        skipped("it is in the baseline")
    } else {
        TestCaseStatus::success()
    };
    let out: Vec<String> = warnings.into_iter().chain(known).collect();
    test(report, suite, rule, status, &out.join("\n\n"))
}

/// Place, message, what to do and how to show it again.
fn whole(finding: &FindingEntry) -> String {
    let mut lines = Vec::new();
    if let Some(place) = &finding.location {
        let function = place.function.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
        lines.push(format!("{}{function}", place.file_and_line()));
    }
    lines.push(finding.message.clone());
    lines.extend(finding.follows.iter().map(|cause| format!("follows from: {cause}")));
    lines.extend(finding.hint.iter().map(|hint| format!("hint: {hint}")));
    lines.extend(finding.again.iter().map(|again| format!("again: {again}")));
    lines.iter().map(|line| one_line(line)).collect::<Vec<_>>().join("\n")
}

/// `replay`: a test for each case.
fn cases(report: &Report) -> Option<TestSuite> {
    let cases = report.cases.as_deref().filter(|cases| !cases.is_empty())?;
    let mut suite = TestSuite::new("cases");
    suite.add_test_cases(cases.iter().map(|case| test_of_case(report, case)));
    Some(suite)
}

fn test_of_case(report: &Report, case: &CaseResult) -> TestCase {
    let outcome = case.outcome.name();
    let own: Vec<&FindingEntry> = report.findings_of(case).collect();
    let (message, kind) = match case.outcome {
        CaseOutcome::StillThere => (case.message.as_deref(), Some(NonSuccessKind::Failure)),
        CaseOutcome::BecameAnother | CaseOutcome::Broke => {
            (own.first().map(|finding| finding.message.as_str()), Some(NonSuccessKind::Failure))
        }
        CaseOutcome::Broken => (case.reason.as_deref(), Some(NonSuccessKind::Error)),
        _ => (None, None),
    };
    let message = one_line(message.unwrap_or_default());
    let mut lines = vec![format!("{outcome}: {message}")];
    lines.extend(own.iter().map(|finding| whole(finding)));
    lines.extend(case.again.iter().map(|again| format!("again: {}", one_line(again))));
    let text = lines.join("\n");
    let is_new_error = |one: &&FindingEntry| one.severity == Severity::Error && !one.known;
    let (status, out) = match (kind, &case.outcome) {
        (Some(_), _) if case.known => (skipped("it is in the baseline"), text),
        (Some(kind), _) if case.is_failure() || own.iter().any(is_new_error) => {
            let rule = own.first().map(|finding| finding.rule.as_str()).or(case.rule.as_deref());
            let of = if kind == NonSuccessKind::Error { "broken" } else { rule.unwrap_or(outcome) };
            (not_passed(kind, of, &message, &text), String::new())
        }
        (Some(_), _) => (TestCaseStatus::success(), format!("warning: {text}")),
        (None, CaseOutcome::Fixed | CaseOutcome::Silent) => (TestCaseStatus::success(), String::new()),
        (None, _) => (skipped(outcome), String::new()),
    };
    test(report, "cases", &case.path, status, &out)
}

/// `load`: a test for each objective, and for each figure that both reports have.
fn load(report: &Report, measured: &Measured) -> Vec<TestSuite> {
    let mut suites = Vec::new();
    if !measured.objectives.is_empty() {
        let mut suite = TestSuite::new("objectives");
        suite.add_test_cases(measured.objectives.iter().map(|one| {
            let text = format!("{} was asked for, {} was measured", one.objective, one.measured);
            let status = if one.met {
                TestCaseStatus::success()
            } else {
                let text = format!("{text}: off by {:.1} %", one.missed_by * 100.0);
                not_passed(NonSuccessKind::Failure, "objective", &one_line(&text), "")
            };
            test(report, "objectives", &one.objective, status, &if one.met { text } else { String::new() })
        }));
        suites.push(suite);
    }
    if let Some(baseline) = &measured.baseline {
        let mut suite = TestSuite::new("baseline");
        suite.add_test_cases(baseline.changes.iter().map(|change| {
            let text = format!("{} before, {} now, noise {}", change.before, change.after, change.noise);
            let name = format!("{} {}", change.of, change.figure);
            if change.regression {
                let status = not_passed(NonSuccessKind::Failure, "regression", &format!("{name}: {text}"), "");
                test(report, "baseline", &name, status, "")
            } else {
                test(report, "baseline", &name, TestCaseStatus::success(), &text)
            }
        }));
        suites.push(suite);
    }
    suites
}

fn test(report: &Report, suite: &str, name: &str, status: TestCaseStatus, out: &str) -> TestCase {
    let mut case = TestCase::new(xml(name), status);
    case.set_classname(xml(&format!("{}.{suite}", report.plugin.name)));
    if !out.is_empty() {
        case.set_system_out(xml(out));
    }
    case
}

fn not_passed(kind: NonSuccessKind, of: &str, message: &str, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(xml(of)).set_message(xml(message));
    if !text.is_empty() {
        status.set_description(xml(text));
    }
    status
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(xml(why));
    status
}

/// Text of a plugin, without anything that a terminal would obey.
fn one_line(text: &str) -> String {
    plain::harmless(text).into_owned()
}

/// `text` of characters that XML allows, others written out. `quick-junit` would drop some of them silently, and lets
/// two pass that XML forbids.
fn xml(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(one_line).collect();
    lines.join("\n").replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::examples::{self, read as report};

    fn finding(rule: &str, severity: &str, more: &str) -> String {
        format!(
            r#"{{"rule": "{rule}", "severity": "{severity}", "hook": "get_password_list", "message": "it broke",
            "hint": "repair it", "fingerprint": "3f9c2a71d0b4", "location": {{"file": "lib/naming.py", "line": 6, "column": null,
            "function": "path"}}, "again": "hookstorm run vault/ --case a.json"{more}}}"#
        )
    }

    /// The element of the test `name`, to its end.
    fn element(text: &str, name: &str) -> String {
        let begin = text.find(&format!("<testcase name=\"{name}\"")).unwrap_or_else(|| panic!("no {name} in {text}"));
        let rest = &text[begin..];
        let (tag, after) = rest.split_once('>').unwrap();
        if tag.ends_with('/') {
            return format!("{tag}>");
        }
        format!("{tag}>{}", after.split_once("</testcase>").unwrap().0)
    }

    #[test]
    fn a_finding_fails_the_test_of_its_rule_and_hook_and_the_others_pass() {
        let more = format!(
            r#""hooks": ["get_password_list", "session_ended"], "rules": [{}], "findings": [{}]"#,
            r#""manifest-missing", "import-failed", "uncaught-exception", "timeout""#,
            finding("timeout", "error", "")
        );
        let text = text(&report("test", &more));
        let suites: Vec<&str> = text.lines().filter(|line| line.contains("<testsuite ")).map(str::trim).collect();
        assert_eq!(suites.len(), 4, "{text}");
        assert_eq!(text.matches("<testcase ").count(), 2 + 2 * 2, "{text}");
        assert!(
            suites[2].contains(r#"name="get_password_list""#) && suites[2].contains(r#"failures="1""#),
            "{suites:?}"
        );
        assert!(suites[3].contains(r#"name="session_ended""#) && suites[3].contains(r#"failures="0""#), "{suites:?}");
        let failed = element(&text, "timeout");
        assert!(failed.contains(r#"classname="Vault.get_password_list""#), "{failed}");
        assert!(failed.contains(r#"message="it broke""#) && failed.contains(r#"type="timeout""#), "{failed}");
        assert!(
            failed.contains(
                "lib/naming.py:6 in path\nit broke\nhint: repair it\nagain: hookstorm run vault/ --case a.json"
            ),
            "{failed}"
        );
        assert!(element(&text, "uncaught-exception").ends_with("/>"), "{text}");
    }

    #[test]
    fn a_warning_passes_and_says_so_and_what_is_known_is_skipped() {
        let more = format!(
            r#""findings": [{}, {}]"#,
            finding("lossy-json", "warning", ""),
            finding("timeout", "error", r#", "known": true"#)
        );
        let text = text(&report("test", &more));
        let warned = element(&text, "lossy-json");
        assert!(warned.contains("<system-out>warning: lib/naming.py:6") && !warned.contains("<failure"), "{warned}");
        let known = element(&text, "timeout");
        assert!(known.contains("<skipped message=\"it is in the baseline\"") && !known.contains("<failure"), "{known}");
    }

    #[test]
    fn each_replayed_case_is_a_test() {
        let case = |path: &str, outcome: &str, more: &str| {
            format!(
                r#"{{"path": "{path}", "outcome": "{outcome}", "reason": null, "rule": "timeout", "fingerprint": "3f9c2a71d0b4", "message": "it hangs", "again": "hookstorm run vault/ --case {path}"{more}}}"#
            )
        };
        let cases = [
            case("a.json", "still-there", r#", "severity": "error""#),
            case("b.json", "fixed", ""),
            case("c.json", "not-run", ""),
            case("d.json", "broken", ""),
            case("e.json", "became-another", ""),
            case("f.json", "still-there", r#", "severity": "error", "known": true"#),
        ];
        let became = finding("not-json", "error", r#", "case": "e.json""#);
        let text = text(&report("replay", &format!(r#""findings": [{became}], "cases": [{}]"#, cases.join(","))));
        assert!(element(&text, "a.json").contains("<failure message=\"it hangs\" type=\"timeout\""), "{text}");
        assert!(element(&text, "b.json").ends_with("/>"), "{text}");
        assert!(element(&text, "c.json").contains("<skipped"), "{text}");
        assert!(element(&text, "d.json").contains("<error"), "{text}");
        assert!(element(&text, "e.json").contains("type=\"not-json\""), "{text}");
        assert!(element(&text, "f.json").contains("<skipped"), "{text}");
        assert!(!text.contains("name=\"get_password_list\""), "a case's finding is reported once: {text}");
    }

    #[test]
    fn a_missed_objective_and_a_regression_fail_their_tests() {
        let load = serde_json::to_string(&examples::measured(1)).unwrap();
        let text = text(&report("load", &format!(r#""findings": [], "load": {load}"#)));
        assert!(element(&text, "p99=500ms").contains("off by 22.4 %"), "{text}");
        assert!(element(&text, "errors=1%").contains("<system-out>"), "{text}");
        assert!(element(&text, "session p99_ms").contains("type=\"regression\""), "{text}");
    }

    #[test]
    fn nothing_of_a_plugin_breaks_the_xml() {
        let hostile = "\\u001b[31m <a> & ]]> \\\" \\u0000 \\u202e \\uffff \\n<b>";
        let found = finding("timeout", "error", "").replace("it broke", hostile);
        let text = text(&report("test", &format!(r#""findings": [{found}]"#)));
        let is_allowed =
            |character: char| matches!(character, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(text.chars().all(is_allowed), "{text:?}");
        assert!(!text.contains("<a>") && !text.contains("<b>") && text.contains("&lt;a&gt; &amp; ]]&gt;"), "{text}");
        assert!(text.contains("\\x1b[31m"), "{text}");
    }

    #[test]
    fn the_same_report_is_the_same_text() {
        let report = report("test", &format!(r#""findings": [{}]"#, finding("timeout", "error", "")));
        assert_eq!(text(&report), text(&report));
        assert!(!text(&report).contains("timestamp"));
    }
}
