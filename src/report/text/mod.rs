//! Reports for a terminal: [`opening`] when a run begins, [`summary`] when it ends, and what `run`, `replay` and
//! `minimize` show beside. Each gives text with colours; the stream takes them away where they are not wanted.
//!
//! One screen: the first groups of findings are told whole, the others in two lines each, and why a rule matters is said
//! once.

mod call;
mod finding;
mod load;
mod replay;
mod rules;

pub use call::seen;
pub(crate) use finding::headline;
pub use load::load;
pub use replay::{minimized, replayed};
pub use rules::{explanation, rules};

use std::collections::BTreeSet;

use super::{
    Head, Report, plain,
    style::{GOOD, STRONG, WARNING, of},
};
use crate::{
    engine::{Coverage, EndReason, FuzzStats, ReportedFinding},
    finding::{Rule, Severity},
};

/// How many groups of findings are told whole unless the user wants all.
const WHOLE_LIMIT: usize = 4;

/// The line that a run opens with, on standard error.
pub fn opening(head: &Head) -> String {
    let mut line =
        format!("hookstorm {}: {STRONG}{}{STRONG:#}", env!("CARGO_PKG_VERSION"), plain::harmless(&head.name));
    if let Some(version) = &head.version {
        line.push_str(&format!(" {}", plain::harmless(version)));
    }
    if let Some(plugin_type) = head.plugin_type {
        line.push_str(&format!(" ({plugin_type})"));
    }
    line.push_str(&format!(" on platform {}", head.platform));
    if let Some(python) = &head.python {
        line.push_str(&format!(", Python {}", plain::harmless(python)));
    }
    if let Some(seed) = head.seed {
        line.push_str(&format!(", seed {seed}"));
    }
    line.push('\n');
    line
}

/// What was found and done, on standard output. `replay` and `minimize` count cases instead of an ending of ours.
pub fn summary(report: &Report<'_>) -> String {
    let mut text = findings(report);
    let known = report.summary.reported.iter().filter(|one| report.knows(&one.finding)).count();
    text.push_str(&not_told_again(known));
    for note in &report.summary.notes {
        text.push_str(&format!("note: {}\n", plain::harmless(note)));
    }
    if matches!(report.head.command, "replay" | "minimize") {
        return text;
    }
    if report.summary.interrupted {
        text.push_str(&interruption(report));
    }
    match report.summary.fuzz.as_ref().map(|fuzz| fuzz.ended) {
        Some(EndReason::Time) => text.push_str("the time is up\n"),
        Some(EndReason::Quiet) => text.push_str("nothing new for as long as was asked for\n"),
        Some(EndReason::Runs | EndReason::Asked) | None => {}
    }
    text.push_str(&ending(report));
    text
}

/// The findings, those of every session first and apart.
fn findings(report: &Report<'_>) -> String {
    let mut text = String::new();
    let mut told = BTreeSet::new();
    let (always, others): (Vec<_>, Vec<_>) = groups(report).into_iter().partition(|group| group[0].every_session);
    if !always.is_empty() {
        text.push_str(&format!("{STRONG}in every ordinary session, whatever the arguments:{STRONG:#}\n"));
        if !report.again.is_configured {
            text.push_str(
                "  most likely the plugin wants configuration: give it with `--config FILE`, then look again\n",
            );
        }
        text.push('\n');
    }
    let is_parted = !always.is_empty() && !others.is_empty();
    for (index, group) in always.iter().enumerate() {
        text.push_str(&told_group(report, group, index, &mut told));
    }
    if is_parted {
        text.push_str(&format!("{STRONG}beyond that:{STRONG:#}\n\n"));
    }
    for (index, group) in others.iter().enumerate() {
        text.push_str(&told_group(report, group, always.len() + index, &mut told));
    }
    text
}

fn told_group(report: &Report<'_>, group: &[&ReportedFinding], index: usize, told: &mut BTreeSet<Rule>) -> String {
    let mut text = if report.is_verbose || index < WHOLE_LIMIT {
        finding::whole(report, group[0], told.insert(group[0].finding.rule))
    } else {
        finding::brief(report, group[0])
    };
    for other in &group[1..] {
        text.push_str(&finding::same_cause(report, other));
    }
    text.push('\n');
    text
}

/// That `known` findings stand in the baseline; nothing where there are none.
fn not_told_again(known: usize) -> String {
    match known {
        0 => String::new(),
        1 => "1 known finding is in the baseline and not told again\n".to_owned(),
        _ => format!("{known} known findings are in the baseline and not told again\n"),
    }
}

/// What is new, findings with one cause together, each group where its first one stood.
fn groups<'a>(report: &Report<'a>) -> Vec<Vec<&'a ReportedFinding>> {
    let mut groups: Vec<Vec<&ReportedFinding>> = Vec::new();
    for one in report.summary.reported.iter().filter(|one| !report.knows(&one.finding)) {
        match groups.iter_mut().find(|group| group[0].group == one.group && group[0].every_session == one.every_session)
        {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

fn interruption(report: &Report<'_>) -> String {
    if report.summary.fuzz.is_some() {
        let sessions = report.summary.sessions;
        return format!(
            "{WARNING}interrupted{WARNING:#} after {sessions} sessions; the same command goes on from what was learned\n"
        );
    }
    let of = report.planned.map(|planned| format!(" of {planned}")).unwrap_or_default();
    let command = report.again.whole(report.head.command, report.head.seed);
    format!(
        "{WARNING}interrupted{WARNING:#} after {}{of} sessions; the same from the start: {command}\n",
        report.summary.sessions
    )
}

/// `2 findings (1 error, 1 warning) in 1000 sessions, 3712 calls, 1.9 s, seed 42, 61 of 74 lines`.
fn ending(report: &Report<'_>) -> String {
    let summary = report.summary;
    let new = || summary.reported.iter().map(|one| &one.finding).filter(|finding| !report.knows(finding));
    let count = |severity| new().filter(|finding| finding.severity == severity).count() as u64;
    let mut line = match summary.reported.len() as u64 {
        known if known > 0 && new().next().is_none() => format!("{GOOD}nothing new{GOOD:#}"),
        _ => tally(count(Severity::Error), count(Severity::Warning)),
    };
    let mut parts = Vec::new();
    if report.head.command == "check" {
        parts.push(format!("{}, {}", plain::harmless(&report.head.name), plain::elapsed(summary.elapsed)));
    } else {
        parts.push(plain::counted(summary.sessions, "session"));
        parts.push(plain::counted(summary.calls, "call"));
        parts.push(plain::elapsed(summary.elapsed));
    }
    parts.extend(report.head.seed.map(|seed| format!("seed {seed}")));
    if summary.coverage.lines > 0 && matches!(report.head.command, "test" | "fuzz") {
        let Coverage { lines_hit, lines, is_sampled, .. } = summary.coverage;
        let at_least = if is_sampled && lines_hit < lines { "at least " } else { "" };
        parts.push(format!("{at_least}{lines_hit} of {lines} lines"));
    }
    if let Some(FuzzStats { edges, entries, entries_new, .. }) = &summary.fuzz {
        parts.push(plain::counted(*edges as u64, "edge"));
        parts.push(format!(
            "{} that bring something new ({entries_new} of them new)",
            plain::counted(*entries as u64, "session")
        ));
    }
    line.push_str(&format!(" in {}\n", parts.join(", ")));
    line
}

/// `2 findings (1 error, 1 warning)`, or that there are none.
fn tally(errors: u64, warnings: u64) -> String {
    let style = match (errors, warnings) {
        (0, 0) => return format!("{GOOD}nothing found{GOOD:#}"),
        (0, _) => of(Severity::Warning),
        _ => of(Severity::Error),
    };
    let all = plain::counted(errors + warnings, "finding");
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(plain::counted(errors, "error"));
    }
    if warnings > 0 {
        parts.push(plain::counted(warnings, "warning"));
    }
    format!("{style}{all}{style:#} ({})", parts.join(", "))
}

/// `text` in lines of at most `width` characters, all but the first one behind `indent` blanks.
pub(super) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let room = width.saturating_sub(indent).max(20);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a line from the start");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

#[cfg(test)]
mod tests;
