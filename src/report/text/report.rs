//! The report as a whole: its findings, its notes, and the line that it ends with.

use std::{collections::BTreeSet, time::Duration};

use super::{call, cases, finding, layout::wrapped, load};
use crate::{
    finding::Severity,
    report::{
        FindingEntry, FormatOptions, Report, Status, plain,
        style::{GOOD, STRONG, WARNING, of},
    },
};

/// What a line begins with that says why few findings prove little.
const CAUTION: &str = "caution";

/// How many groups of findings are shown in full unless the user wants all.
pub(super) const WHOLE_LIMIT: usize = 4;

/// The line that a run begins with, on standard error.
pub fn opening(report: &Report) -> String {
    let plugin = &report.plugin;
    let shown = |text: &str| plain::harmless(text).into_owned();
    let mut line = format!("hookstorm {}: {STRONG}{}{STRONG:#}", shown(&report.hookstorm), shown(&plugin.name));
    if let Some(version) = &plugin.version {
        line.push_str(&format!(" {}", shown(version)));
    }
    if let Some(plugin_type) = &plugin.r#type {
        line.push_str(&format!(" ({})", shown(plugin_type)));
    }
    line.push_str(&format!(" on platform {}", shown(&report.platform)));
    if let Some(python) = &report.python {
        line.push_str(&format!(", Python {}", shown(python)));
    }
    if let Some(seed) = report.seed {
        line.push_str(&format!(", seed {seed}"));
    }
    line.push('\n');
    line
}

/// What was done and found.
pub fn report(report: &Report, options: &FormatOptions) -> String {
    let mut text = if options.with_opening { opening(report) } else { String::new() };
    if let Some(session) = &report.trace {
        text.push_str(&call::session_text(session));
    }
    for caution in &report.cautions {
        let caution = wrapped(&plain::harmless(caution), options.width, CAUTION.len() + 2);
        text.push_str(&format!("{WARNING}{CAUTION}{WARNING:#}: {caution}\n"));
    }
    if !report.cautions.is_empty() {
        text.push('\n');
    }
    text.push_str(&findings(report, options));
    text.push_str(&known(report.findings_of_no_case().filter(|one| one.known).count()));
    for note in &report.notes {
        text.push_str(&format!("note: {}\n", plain::harmless(note)));
    }
    // Cases are counted, rather than sessions.
    if !matches!(report.command.as_str(), "replay" | "minimize") {
        if report.status == Status::Interrupted {
            text.push_str(&interruption(report));
        }
        text.push_str(match report.fuzz.as_ref().map_or("", |fuzz| fuzz.ended.as_str()) {
            "time" => "the time is up\n",
            "quiet" => "nothing new for the time that `--stop-after-quiet` sets\n",
            _ => "",
        });
        text.push_str(&ending(report));
    }
    if report.cases.is_some() {
        text.push_str(&cases::replayed(report, options.width));
    }
    if let Some(minimized) = &report.minimized {
        text.push_str(&cases::minimized(minimized, elapsed(report)));
    }
    if let Some(measured) = &report.load {
        text.push_str(&load::load(measured, options.width));
    }
    text
}

/// New findings; those of every session come first and those of the SDK last, under headings of their own.
fn findings(report: &Report, options: &FormatOptions) -> String {
    let mut text = String::new();
    let mut explained = BTreeSet::new();
    let (sdk, own): (Vec<_>, Vec<_>) = groups(report).into_iter().partition(|group| group[0].in_sdk);
    let (always, others): (Vec<_>, Vec<_>) = own.into_iter().partition(|group| group[0].every_session);
    let mut add = |text: &mut String, groups: &[Vec<&FindingEntry>], before: usize| {
        for (index, group) in groups.iter().enumerate() {
            let first = group[0];
            text.push_str(&if options.is_verbose || before + index < WHOLE_LIMIT {
                finding::whole(report, first, options.width, explained.insert(first.rule.clone()))
            } else {
                finding::brief(first, options.width)
            });
            for other in &group[1..] {
                text.push_str(&finding::same_cause(other, options.width));
            }
            text.push('\n');
        }
    };
    if !always.is_empty() {
        text.push_str(&format!("{STRONG}in every nominal session, whatever the arguments:{STRONG:#}\n"));
        text.push_str("  all nominal sessions that call the hook failed in the same way; read this first\n\n");
        add(&mut text, &always, 0);
        if !others.is_empty() {
            text.push_str(&format!("{STRONG}other findings:{STRONG:#}\n\n"));
        }
    }
    add(&mut text, &others, always.len());
    if !sdk.is_empty() {
        let version = report.sdk.as_ref().map(|version| format!(" {}", plain::harmless(version))).unwrap_or_default();
        text.push_str(&format!("{STRONG}in the Plugin SDK{version}, not in your plugin:{STRONG:#}\n\n"));
        add(&mut text, &sdk, always.len() + others.len());
    }
    text
}

/// New findings of no case; those with one cause together, each group at the place of its first one.
fn groups(report: &Report) -> Vec<Vec<&FindingEntry>> {
    let mut groups: Vec<Vec<&FindingEntry>> = Vec::new();
    for one in report.findings_of_no_case().filter(|one| !one.known) {
        match groups.iter_mut().find(|group| group[0].group == one.group) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// How many findings are in the baseline; nothing if none is.
pub(super) fn known(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "1 known finding is in the baseline and not shown again\n".to_owned(),
        _ => format!("{count} known findings are in the baseline and not shown again\n"),
    }
}

/// The time that the run took.
pub(super) fn elapsed(report: &Report) -> Duration {
    Duration::try_from_secs_f64(report.elapsed_seconds).unwrap_or_default()
}

fn interruption(report: &Report) -> String {
    let sessions = report.sessions;
    let (of, next) = if report.fuzz.is_some() {
        (String::new(), "the same command continues from what it learned".to_owned())
    } else {
        let of = report.planned.map(|planned| format!(" of {planned}")).unwrap_or_default();
        (of, format!("to begin again: {}", report.command_line()))
    };
    format!("{WARNING}interrupted{WARNING:#} after {sessions}{of} sessions; {next}\n")
}

/// `2 findings (1 error, 1 warning) in 1000 sessions, 3712 calls, 1.9 s, seed 42, 61 of 74 lines`.
fn ending(report: &Report) -> String {
    let new = || report.findings.iter().filter(|one| !one.known);
    let count = |severity| new().filter(|one| one.severity == severity).count() as u64;
    let mut line = if report.findings.is_empty() || new().next().is_some() {
        tally(count(Severity::Error), count(Severity::Warning), !report.cautions.is_empty())
    } else {
        format!("{GOOD}nothing new{GOOD:#}")
    };
    let mut parts = Vec::new();
    if report.command == "check" {
        parts.push(format!("{}, {}", plain::harmless(&report.plugin.name), plain::elapsed(elapsed(report))));
    } else {
        parts.push(plain::counted(report.sessions, "session"));
        parts.push(plain::counted(report.calls, "call"));
        parts.push(plain::elapsed(elapsed(report)));
    }
    parts.extend(report.seed.map(|seed| format!("seed {seed}")));
    if report.coverage.lines > 0 && matches!(report.command.as_str(), "test" | "fuzz") {
        parts.push(report.coverage.counts());
    }
    if let Some(fuzz) = &report.fuzz {
        parts.push(plain::counted(fuzz.edges as u64, "edge"));
        let corpus = plain::counted(fuzz.corpus as u64, "session");
        parts.push(format!("{corpus} with new coverage ({} of them new to the corpus)", fuzz.corpus_new));
    }
    line.push_str(&format!(" in {}\n", parts.join(", ")));
    line
}

/// `2 findings (1 error, 1 warning)`, or that there are none. With a caution, that is no success.
fn tally(errors: u64, warnings: u64, has_caution: bool) -> String {
    let style = match (errors, warnings) {
        (0, 0) if has_caution => return format!("{WARNING}nothing found{WARNING:#}"),
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
