//! What `replay` and `minimize` did with each case.

use super::{
    html::{Html, html},
    parts::{Tone, badge, command, severity, short_text, table, words},
};
use crate::report::{CaseOutcome, CaseSize, MinimizedCase, Report};

/// Cases that were replayed, if there are any.
pub(super) fn replayed(report: &Report) -> Option<Html> {
    let cases = report.cases.as_deref().filter(|cases| !cases.is_empty())?;
    let rows = cases.iter().map(|case| {
        let text = case.reason.as_ref().or(case.message.as_ref()).map(|text| short_text(text)).unwrap_or_default();
        let rule = case.rule.as_deref().map(Html::code).unwrap_or_else(|| "a regression test".into());
        let level = case.severity.map(|level| html!(" {}", severity(level))).unwrap_or_default();
        let known = if case.known { html!(" {}", badge(Tone::Quiet, "known")) } else { Html::default() };
        let (tone, outcome) = tone(&case.outcome);
        let again = match &case.again {
            None => Html::code(&case.path),
            Some(line) => html!("<details><summary>{}</summary>{}</details>", Html::code(&case.path), command(line)),
        };
        vec![again, html!("{}{}", badge(tone, outcome), known), html!("{}{}", rule, level), text]
    });
    let columns = [words("case"), words("outcome"), words("rule"), words("message")];
    Some(table("Cases that were replayed; open one for its command", &columns, rows.collect()))
}

/// Cases by outcome: those that fail, those that are as they should be, and those that were not run.
pub(super) fn counts(report: &Report) -> [(Tone, u64); 3] {
    let count = |wanted: &[Tone]| {
        report.replayed().iter().filter(|case| wanted.contains(&tone(&case.outcome).0)).count() as u64
    };
    [
        (Tone::Bad, count(&[Tone::Bad, Tone::Warning])),
        (Tone::Good, count(&[Tone::Good])),
        (Tone::Quiet, count(&[Tone::Quiet])),
    ]
}

fn tone(outcome: &CaseOutcome) -> (Tone, &str) {
    match outcome {
        CaseOutcome::StillThere => (Tone::Bad, "still there"),
        CaseOutcome::BecameAnother => (Tone::Bad, "another finding"),
        CaseOutcome::Broke => (Tone::Bad, "broke"),
        CaseOutcome::Broken => (Tone::Bad, "cannot be run"),
        CaseOutcome::Fixed => (Tone::Good, "fixed"),
        CaseOutcome::Silent => (Tone::Good, "silent, as it should be"),
        CaseOutcome::OtherType => (Tone::Quiet, "for another type of plugin"),
        CaseOutcome::WantsOther => (Tone::Quiet, "needs a second plugin"),
        CaseOutcome::NotRun => (Tone::Quiet, "not run"),
        CaseOutcome::Unknown(name) => (Tone::Warning, name),
    }
}

/// Cases that were minimized, if there are any.
pub(super) fn minimized(report: &Report) -> Option<Html> {
    let cases = report.minimized.as_deref().filter(|cases| !cases.is_empty())?;
    let size = |size: &CaseSize| format!("{} calls, {} arguments", size.calls, size.arguments);
    let row = |MinimizedCase { path, before, after, reason }: &MinimizedCase| {
        let now = match after {
            Some(after) => size(after).into(),
            None => html!("removed: {}", reason.as_deref().unwrap_or_default()),
        };
        vec![Html::code(path), size(before).into(), now]
    };
    let columns = [words("case"), words("before"), words("now")];
    Some(table("Cases that were minimized", &columns, cases.iter().map(row).collect()))
}
