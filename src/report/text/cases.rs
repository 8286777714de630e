//! What `replay` and `minimize` did: a line for each case that matters, and a count.

use std::time::Duration;

use super::{finding::headline, layout::labelled, report};
use crate::{
    finding::Severity,
    report::{
        CaseOutcome, CaseResult, MinimizedCase, Report, Status, plain,
        style::{ERROR, GOOD, STRONG, WARNING, of},
    },
};

/// The outcome of each case. Silent ones, and those that are in the baseline, are only counted.
pub(super) fn replayed(report: &Report, width: usize) -> String {
    let cases = report.replayed();
    let mut text: String =
        cases.iter().filter(|case| !case.known).map(|case| replayed_case(report, case, width)).collect();
    text.push_str(&report::known(cases.iter().filter(|case| case.known).count()));
    if report.status == Status::Interrupted {
        text.push_str(&format!("{WARNING}interrupted{WARNING:#}: some cases were not run\n"));
    }
    let counts = count(cases);
    let counts = if counts.is_empty() { counts } else { format!(" ({counts})") };
    let all = plain::counted(cases.len() as u64, "case");
    let elapsed = plain::elapsed(report::elapsed(report));
    text.push_str(&format!("{STRONG}{all}{STRONG:#}{counts} in {elapsed}\n"));
    text
}

fn replayed_case(report: &Report, case: &CaseResult, width: usize) -> String {
    let path = plain::harmless(&case.path);
    let recorded = match (&case.rule, case.message.as_deref()) {
        (Some(rule), None | Some("")) => rule.clone(),
        (Some(rule), Some(message)) => format!("{rule}: {message}"),
        (None, _) => String::new(),
    };
    let recorded = plain::cut(&plain::harmless(&recorded), width);
    let reason = plain::cut(&plain::harmless(case.reason.as_deref().unwrap_or_default()), width * 2);
    let mut text = match &case.outcome {
        CaseOutcome::Silent | CaseOutcome::OtherType | CaseOutcome::WantsOther | CaseOutcome::NotRun => {
            return String::new();
        }
        CaseOutcome::StillThere => {
            let style = of(case.severity.unwrap_or(Severity::Warning));
            format!("{style}still there{style:#}  {path}\n   {recorded}\n")
        }
        CaseOutcome::Fixed => format!(
            "{GOOD}fixed{GOOD:#}  {path}\n   {recorded}\n   to keep it as a regression test, remove `found` from it\n"
        ),
        CaseOutcome::BecameAnother => format!(
            "{ERROR}another finding{ERROR:#}  {path}\n   the recorded finding is fixed: {recorded}\n   the case now shows \
             another one:\n"
        ),
        CaseOutcome::Broke => format!("{ERROR}broke{ERROR:#}  {path}\n"),
        CaseOutcome::Broken => format!("{ERROR}cannot be run{ERROR:#}  {path}\n   {reason}\n"),
        CaseOutcome::Unknown(name) => {
            let name = plain::harmless(name);
            format!("{WARNING}unknown{WARNING:#}  {path}\n   this version does not know the outcome `{name}`\n")
        }
    };
    for finding in report.findings_of(case) {
        text.push_str(&format!("   {}", headline(finding, width)));
    }
    if case.outcome != CaseOutcome::Fixed
        && let Some(again) = &case.again
    {
        text.push_str(&labelled("again", &plain::harmless(again)));
    }
    text + "\n"
}

/// `2 still there, 1 fixed, 1 silent`.
fn count(cases: &[CaseResult]) -> String {
    let number = |outcome: &CaseOutcome| cases.iter().filter(|case| case.outcome == *outcome).count();
    let unknown = cases.iter().filter(|case| matches!(case.outcome, CaseOutcome::Unknown(_))).count();
    let counts = [
        (CaseOutcome::StillThere, "still there"),
        (CaseOutcome::BecameAnother, "with another finding"),
        (CaseOutcome::Broke, "broke"),
        (CaseOutcome::Fixed, "fixed"),
        (CaseOutcome::Silent, "silent"),
        (CaseOutcome::Broken, "that cannot be run"),
        (CaseOutcome::OtherType, "for another type of plugin"),
        (CaseOutcome::WantsOther, "that need `--with OTHER`"),
        (CaseOutcome::NotRun, "not run"),
    ];
    let counts = counts.iter().map(|(outcome, what)| (number(outcome), *what));
    let counts = counts.chain([(unknown, "with an unknown outcome")]);
    let counts = counts.filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// What was shrunk and removed.
pub(super) fn minimized(cases: &[MinimizedCase], elapsed: Duration) -> String {
    let mut text = String::new();
    for MinimizedCase { path, before, after, reason } in cases {
        let change = match after {
            None => format!("removed: {}", plain::harmless(reason.as_deref().unwrap_or_default())),
            Some(after) if after == before => "cannot be made smaller".to_owned(),
            Some(after) => format!(
                "{} to {}, {} to {}",
                plain::counted(before.calls as u64, "call"),
                after.calls,
                plain::counted(before.arguments as u64, "argument"),
                after.arguments
            ),
        };
        text.push_str(&format!("{}: {change}\n", plain::harmless(path)));
    }
    let all = plain::counted(cases.len() as u64, "case");
    text.push_str(&format!("{STRONG}{all}{STRONG:#} in {}\n", plain::elapsed(elapsed)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::{Case, RecordedFinding},
        engine::{ReplayOutcome, ReplayedCase},
        finding::{Rule, RuleLevels},
        report::{CaseSize, Format, FormatOptions, examples, text},
    };

    fn case(path: &str, outcome: ReplayOutcome) -> ReplayedCase {
        let found = RecordedFinding {
            rule: "uncaught-exception".into(),
            fingerprint: "3f9c2a71d0b4".into(),
            message: "AttributeError: 'list' object has no attribute 'get'".into(),
        };
        ReplayedCase { path: path.into(), case: Case { found: Some(found), ..examples::case() }, outcome }
    }

    fn shown(replayed: &[ReplayedCase]) -> String {
        let mut report = Report { elapsed_seconds: 0.4, ..examples::begun("replay") };
        report.add_replayed(replayed, &RuleLevels::default(), examples::context());
        let text = text::report(&report, &FormatOptions { width: 100, ..FormatOptions::default() });
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn a_corpus_is_reported_case_by_case_and_silence_is_counted() {
        let text = shown(&[
            case("corpora/vault/a.json", ReplayOutcome::StillThere(examples::finding(Rule::UncaughtException))),
            case("corpora/vault/b.json", ReplayOutcome::Fixed),
            case("corpora/vault/c.json", ReplayOutcome::Became(vec![examples::finding(Rule::Timeout)])),
            case("corpora/vault/d.json", ReplayOutcome::Silent),
            case("corpora/vault/e.json", ReplayOutcome::OtherType),
            case(
                "corpora/vault/f.json",
                ReplayOutcome::CannotRun("the plugin does not load with its configuration".into()),
            ),
            case("corpora/vault/g.json", ReplayOutcome::WantsOther),
        ]);
        insta::assert_snapshot!(text, @r"
        still there  corpora/vault/a.json
           uncaught-exception: AttributeError: 'list' object has no attribute 'get'
           again:   hookstorm run vault/ --case corpora/vault/a.json

        fixed  corpora/vault/b.json
           uncaught-exception: AttributeError: 'list' object has no attribute 'get'
           to keep it as a regression test, remove `found` from it

        another finding  corpora/vault/c.json
           the recorded finding is fixed: uncaught-exception: AttributeError: 'list' object has no attribute 'get'
           the case now shows another one:
           error[timeout] get_password_list: AttributeError: 'list' object has no attribute 'get'
           again:   hookstorm run vault/ --case corpora/vault/c.json

        cannot be run  corpora/vault/f.json
           the plugin does not load with its configuration
           again:   hookstorm run vault/ --case corpora/vault/f.json

        7 cases (1 still there, 1 with another finding, 1 fixed, 1 silent, 1 that cannot be run, 1 for another type of plugin, 1 that need `--with OTHER`) in 0.4 s
        ");
    }

    #[test]
    fn a_case_of_a_later_version_is_counted_and_has_no_line_without_a_command() {
        let cases = r#""findings": [], "cases": [{"path": "a.json", "outcome": "of-tomorrow"},
            {"path": "b.json", "outcome": "still-there", "again": null}]"#;
        let report = examples::read("replay", cases);
        let text = text::report(&report, &FormatOptions { width: 100, ..FormatOptions::default() });
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(text.contains("2 cases (1 still there, 1 with an unknown outcome) in "), "{text}");
        for form in Format::ALL.iter().filter(|form| matches!(form.name, "text" | "junit")) {
            let written = form.write(&report, &FormatOptions::default());
            assert!(written.contains("of-tomorrow") && !written.contains("again:"), "{}: {written}", form.name);
        }
    }

    #[test]
    fn an_empty_corpus_is_no_case() {
        assert!(shown(&[]).starts_with("0 cases in "));
    }

    #[test]
    fn what_happened_to_each_minimized_case_is_shown() {
        let (large, small) = (CaseSize { calls: 7, arguments: 31 }, CaseSize { calls: 2, arguments: 4 });
        let one = |path: &str, before, after, reason: Option<&str>| MinimizedCase {
            path: path.into(),
            before,
            after,
            reason: reason.map(str::to_owned),
        };
        let cases = [
            one("a.json", large, Some(small), None),
            one("b.json", small, Some(small), None),
            one("c.json", small, None, Some("`a.json` shows the same and is smaller")),
        ];
        let text = minimized(&cases, Duration::from_secs(65));
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r"
        a.json: 7 calls to 2, 31 arguments to 4
        b.json: cannot be made smaller
        c.json: removed: `a.json` shows the same and is smaller
        3 cases in 1 min 5 s
        ");
    }
}
