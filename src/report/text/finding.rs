//! One finding: what, where, with which arguments, why it matters, and what to type next.

use std::path::Path;

use super::layout::{INDENT, labelled, wrapped};
use crate::report::{
    CodeLocation, FindingEntry, Report,
    excerpt::{excerpt, place},
    explanation, lookalike, plain,
    style::{LABEL, STRONG, of},
};

/// How many arguments are shown at most; the case has all.
const ARGUMENTS_LIMIT: usize = 6;

/// How many characters of an option's value are shown; the case has all.
const OPTION_LIMIT: usize = 60;

/// The finding in full; `is_first` if its rule was not explained yet.
pub(super) fn whole(report: &Report, finding: &FindingEntry, width: usize, is_first: bool) -> String {
    let masked = |text: &str| finding.details.as_ref().map_or_else(|| text.to_owned(), |one| one.mask.text(text));
    let mut text = headline(finding, width * 2);
    if let Some(location) = &finding.location {
        let line = finding.source.iter().find(|line| Some(line.line) == location.line);
        for line in excerpt(location, line.map(|line| masked(&line.text)).as_deref(), width) {
            text.push_str(&format!("{LABEL}{line}{LABEL:#}\n"));
        }
    }
    let room = width.saturating_sub(INDENT).max(40);
    for (index, line) in with(finding, report.command == "fuzz").into_iter().enumerate() {
        let shown = format!("{}{}", plain::cut(&line, room), lookalike::code_points(&line));
        text.push_str(&labelled(if index == 0 { "with" } else { "" }, &shown));
    }
    let needs = finding.options.iter().map(|option| {
        let (section, name) = (plain::harmless(&option.section), plain::harmless(&option.name));
        let value = plain::cut(&plain::harmless(&masked(&option.value)), OPTION_LIMIT);
        format!("[{section}] {name} = {value}")
    });
    let needs = needs.collect::<Vec<_>>().join(", ");
    if !needs.is_empty() {
        text.push_str(&labelled("needs", &wrapped(&needs, width, INDENT)));
    }
    if let Some(hint) = &finding.hint {
        text.push_str(&labelled("hint", &wrapped(&plain::harmless(hint), width, INDENT)));
    }
    let rule = finding.known_rule().filter(|_| is_first);
    let why = finding.reason.clone().or_else(|| rule.map(explanation::why));
    if let Some(why) = why {
        text.push_str(&labelled("why", &wrapped(&plain::harmless(&why), width, INDENT)));
    }
    if let Some(line) = how_often(report, finding) {
        text.push_str(&format!("   {line}\n"));
    }
    text.push_str(&again(finding));
    if let Some(rule) = rule {
        text.push_str(&labelled("explain", &format!("hookstorm explain {rule}")));
    }
    text
}

/// The finding in two lines, or three if its message is long.
pub(super) fn brief(finding: &FindingEntry, width: usize) -> String {
    let mut text = headline(finding, width * 2);
    if let Some(location) = &finding.location {
        text.push_str(&format!("{LABEL}  --> {}{LABEL:#}\n", place(location)));
    }
    text.push_str(&again(finding));
    text
}

/// A finding with the same cause as one above it, or that only follows from one above it, in one line.
pub(super) fn same_cause(finding: &FindingEntry, width: usize) -> String {
    let label = if finding.follows.is_some() { "follows" } else { "same" };
    let location = finding.location.as_ref().map(|location| CodeLocation { function: None, ..location.clone() });
    let at = location.map(|location| format!(" ({})", place(&location))).unwrap_or_default();
    let file = finding.case.as_deref().and_then(|case| Path::new(case).file_name()).map(|name| name.to_string_lossy());
    let file = file.map(|name| format!(", {}", plain::harmless(&name))).unwrap_or_default();
    let hook = finding.hook.as_ref().map(|hook| format!(" {hook}:")).unwrap_or_default();
    let subject = format!("{}{hook} {}", finding.rule, finding.message);
    // Place and case come after the message, which is cut so that they stay.
    let room = width.saturating_sub(INDENT + at.chars().count() + file.chars().count()).max(60);
    labelled(label, &format!("{}{at}{file}", plain::shorten(&plain::harmless(&subject), room)))
}

/// `error[rule] hook: message`, for one line above the progress bar too.
pub(crate) fn headline(finding: &FindingEntry, width: usize) -> String {
    let (severity, style) = (finding.severity, of(finding.severity));
    let rule = plain::harmless(&finding.rule);
    let hook = finding.hook.as_ref().map(|hook| format!(" {}", plain::harmless(hook))).unwrap_or_default();
    let room = width.saturating_sub(rule.len() + hook.len() + 12).max(40);
    let message = plain::shorten(&plain::harmless(&finding.message), room);
    let message = format!("{message}{}", lookalike::code_points(&finding.message));
    let hook = if hook.is_empty() { format!(" {message}") } else { format!("{hook}: {message}") };
    format!("{style}{severity}[{rule}]{style:#}{STRONG}{hook}{STRONG:#}\n")
}

fn again(finding: &FindingEntry) -> String {
    finding.again.as_ref().map(|line| labelled("again", &plain::harmless(line))).unwrap_or_default()
}

fn how_often(report: &Report, finding: &FindingEntry) -> Option<String> {
    finding.case.as_ref()?;
    let mut parts = Vec::new();
    if matches!(report.command.as_str(), "test" | "fuzz") {
        let times = match finding.occurrences {
            1 => "once".to_owned(),
            number => format!("{number} times"),
        };
        let sessions = plain::counted(report.sessions, "session");
        let size = finding.details.as_ref().map(|details| plain::counted(details.calls as u64, "call"));
        let size = size.map(|calls| format!("; the smallest case has {calls}")).unwrap_or_default();
        parts.push(format!("{times} in {sessions}{size}"));
    }
    if finding.foreign_cookie {
        parts.push("needs a cookie that the plugin itself never returned".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What the failing call of the smallest case gets that is unusual, a line each. `is_learned`: in a session that
/// learned, a usual word is often what a comparison waits for, so that all arguments are shown that are left.
fn with(finding: &FindingEntry, is_learned: bool) -> Vec<String> {
    let values = finding.case_values().into_iter();
    let values = values.filter(|one| !one.is_usual || (is_learned && one.name != "session_id"));
    let mut lines: Vec<String> =
        values.map(|one| format!("{} = {}", plain::harmless(&one.name), plain::json(&one.value))).collect();
    if lines.len() > ARGUMENTS_LIMIT {
        let more = lines.len() - ARGUMENTS_LIMIT + 1;
        lines.truncate(ARGUMENTS_LIMIT - 1);
        lines.push(format!("and {more} more; the case has all"));
    }
    lines
}
