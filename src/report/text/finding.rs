//! One finding: what, where, with which arguments, why it matters, and what to type next.

use std::path::Path;

use super::wrapped;
use crate::{
    case::{Call, Value},
    contract::{Argument, ArgumentKind},
    engine::ReportedFinding,
    finding::{Finding, Location},
    report::{
        Mask, Report,
        excerpt::{excerpt, place},
        plain,
        style::{LABEL, STRONG, of},
    },
};

/// How many blanks stand before what a label says: three, and the longest label.
const INDENT: usize = 12;

/// How many arguments are shown at most; the case holds all.
const ARGUMENTS_LIMIT: usize = 6;

/// How many characters of an option's value are shown; the case holds all.
const OPTION_LIMIT: usize = 60;

/// The finding whole; `is_first` where its rule was not explained yet.
pub(super) fn whole(report: &Report<'_>, reported: &ReportedFinding, is_first: bool) -> String {
    let finding = &reported.finding;
    let mask = mask(report, reported);
    let mut text = headline(finding, report.width * 2);
    if let Some(location) = &finding.location {
        let source = (report.source)(&location.file, location.line).map(|line| mask.text(&line));
        for line in excerpt(location, source.as_deref(), report.width) {
            text.push_str(&format!("{LABEL}{line}{LABEL:#}\n"));
        }
    }
    let room = report.width.saturating_sub(INDENT).max(40);
    for (index, line) in with(report, reported, &mask).into_iter().enumerate() {
        text.push_str(&labelled(if index == 0 { "with" } else { "" }, &plain::cut(&line, room)));
    }
    if let Some(needs) = needs(reported, &mask) {
        text.push_str(&labelled("needs", &wrapped(&needs, report.width, INDENT)));
    }
    if let Some(hint) = &finding.hint {
        text.push_str(&labelled("hint", &wrapped(&plain::harmless(hint), report.width, INDENT)));
    }
    if is_first {
        text.push_str(&labelled("why", &wrapped(&why(finding.rule.explanation()), report.width, INDENT)));
    }
    if let Some(line) = how_often(report, reported) {
        text.push_str(&format!("   {line}\n"));
    }
    if let Some(path) = &reported.case_path {
        text.push_str(&labelled("again", &report.again.run(path, finding.rule)));
    }
    if is_first {
        text.push_str(&labelled("explain", &format!("hookstorm explain {}", finding.rule)));
    }
    text
}

/// The finding in two lines.
pub(super) fn brief(report: &Report<'_>, reported: &ReportedFinding) -> String {
    let finding = &reported.finding;
    let mut text = headline(finding, report.width);
    if let Some(location) = &finding.location {
        text.push_str(&format!("{LABEL}  --> {}{LABEL:#}\n", place(location)));
    }
    if let Some(path) = &reported.case_path {
        text.push_str(&labelled("again", &report.again.run(path, finding.rule)));
    }
    text
}

/// A finding whose cause was told already, in one line.
pub(super) fn same_cause(report: &Report<'_>, reported: &ReportedFinding) -> String {
    let finding = &reported.finding;
    let location = finding.location.as_ref().map(|location| Location { function: String::new(), ..location.clone() });
    let at = location.map(|location| format!(" ({})", place(&location))).unwrap_or_default();
    let file = reported.case_path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let file = file.map(|name| format!(", {}", plain::harmless(&name))).unwrap_or_default();
    // The place and the case come after the message, which is cut so that they stay.
    let room = report.width.saturating_sub(INDENT + at.chars().count() + file.chars().count()).max(60);
    labelled("same", &format!("{}{at}{file}", plain::cut(&subject(finding), room)))
}

/// `error[rule] hook: message`, for one line above the progress bar too.
pub(crate) fn headline(finding: &Finding, width: usize) -> String {
    let style = of(finding.severity);
    let (severity, rule) = (finding.severity, finding.rule);
    let hook = finding.hook.map(|hook| format!(" {hook}")).unwrap_or_default();
    let room = width.saturating_sub(rule.id().len() + hook.len() + 12).max(40);
    let message = plain::cut(&plain::harmless(&finding.message), room);
    let hook = if hook.is_empty() { format!(" {message}") } else { format!("{hook}: {message}") };
    format!("{style}{severity}[{rule}]{style:#}{STRONG}{hook}{STRONG:#}\n")
}

fn subject(finding: &Finding) -> String {
    let hook = finding.hook.map(|hook| format!(" {hook}:")).unwrap_or_default();
    format!("{}{hook} {}", finding.rule, plain::harmless(&finding.message))
}

fn labelled(label: &str, text: &str) -> String {
    let label = if label.is_empty() { String::new() } else { format!("{label}:") };
    format!("   {LABEL}{label:<9}{LABEL:#}{text}\n")
}

fn how_often(report: &Report<'_>, reported: &ReportedFinding) -> Option<String> {
    reported.case_path.as_ref()?;
    let mut parts = Vec::new();
    if matches!(report.head.command, "test" | "fuzz") {
        let times = match reported.occurrences {
            1 => "once".to_owned(),
            number => format!("{number} times"),
        };
        let sessions = plain::counted(report.summary.sessions, "session");
        let size = reported
            .case
            .as_ref()
            .map(|case| format!("; the smallest case has {}", plain::counted(case.session.calls.len() as u64, "call")));
        parts.push(format!("{times} in {sessions}{}", size.unwrap_or_default()));
    }
    if reported.finding.foreign_cookie {
        parts.push("needs a cookie that the plugin itself never returned".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn mask(report: &Report<'_>, reported: &ReportedFinding) -> Mask {
    let mask = Mask::new(report.secrets.iter().cloned());
    match &reported.case {
        Some(case) => mask.with_session(&case.session, reported.call.as_slice()),
        None => mask,
    }
}

/// What the failing call of the smallest case got that is not plain, a line each.
fn with(report: &Report<'_>, reported: &ReportedFinding, mask: &Mask) -> Vec<String> {
    let Some(case) = &reported.case else { return Vec::new() };
    let session = &case.session;
    let mut lines = Vec::new();
    for (name, cookie) in [("cookie", &session.cookie), ("session_cookie", &session.session_cookie)] {
        if !cookie.is_empty_dict() {
            lines.push(format!("{name} = {}", plain::json(&mask.value(cookie))));
        }
    }
    let index = reported.call.as_ref().map(|call| call.call).or(reported.finding.call);
    if let Some((index, call)) = index.and_then(|index| Some((index, session.calls.get(index)?))) {
        lines.extend(
            telling(call, report.head.command == "fuzz")
                .map(|(argument, value)| format!("{argument} = {}", plain::json(&mask.argument(*argument, value)))),
        );
        if !call.answers.is_empty() {
            let answers = mask.answers(call, index, reported.call.as_slice());
            let answers = Value::List(answers.into_iter().map(Value::Str).collect());
            lines.push(format!("the user answers {}", plain::json(&answers)));
        }
    }
    for (name, service) in mask.services(&session.services).as_dict().unwrap_or_default() {
        lines.push(format!("{name} = {}", plain::json(service)));
    }
    if lines.len() > ARGUMENTS_LIMIT {
        let more = lines.len() - ARGUMENTS_LIMIT + 1;
        lines.truncate(ARGUMENTS_LIMIT - 1);
        lines.push(format!("and {more} more; the case holds all"));
    }
    lines
}

/// The options without which it does not show: `[auth] prompt = yes, [cache] size = 1`.
fn needs(reported: &ReportedFinding, mask: &Mask) -> Option<String> {
    let options = &reported.case.as_ref()?.session.options;
    let shown: Vec<String> = options
        .iter()
        .map(|option| {
            let (section, name) = (plain::harmless(&option.section), plain::harmless(&option.name));
            let value = plain::cut(&plain::harmless(&mask.option(option)), OPTION_LIMIT);
            format!("[{section}] {name} = {value}")
        })
        .collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// The arguments that nobody would call plain; or all that are left of a session that learned, in which a plain word is
/// often what a comparison waited for.
fn telling(call: &Call, is_learned: bool) -> impl Iterator<Item = &(Argument, Value)> {
    let is_telling = move |argument: Argument, value: &Value| {
        if is_learned {
            argument != Argument::SessionId || !is_plain(argument, value)
        } else {
            !is_plain(argument, value)
        }
    };
    call.arguments.iter().filter(move |(argument, value)| is_telling(*argument, value))
}

/// Whether a value is what everybody's session has: short ASCII text, an IPv4 address, a usual port.
fn is_plain(argument: Argument, value: &Value) -> bool {
    match (argument.kind(), value) {
        (ArgumentKind::Groups, Value::List(items)) => !items.is_empty() && items.iter().all(is_plain_text),
        (ArgumentKind::KeyValuePairs, Value::Dict(entries)) => entries.is_empty(),
        (_, Value::Int(number)) => (2..65535).contains(number),
        (_, value) => is_plain_text(value),
    }
}

fn is_plain_text(value: &Value) -> bool {
    let is_usual = |character: char| character.is_ascii_alphanumeric() || "._-@ ".contains(character);
    value.as_str().is_some_and(|text| !text.trim().is_empty() && text.len() <= 64 && text.chars().all(is_usual))
}

/// Why a rule matters: the first sentence under the heading that says so, else the first sentence of all.
pub(super) fn why(markdown: &str) -> String {
    let heading = "## Why it matters";
    let prose = markdown.split_once(heading).map_or(markdown, |(_, after)| after);
    let lines = prose.lines().map(str::trim).skip_while(|line| line.is_empty() || line.starts_with('#'));
    let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    paragraph[..end].trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_rule_matters_is_the_first_sentence_under_its_heading() {
        let text = "# x\n\nWhat it is. More.\n\n## Why it matters\n\nA user waits\nfor nothing. And then.\n\n## Bad\n";
        assert_eq!(why(text), "A user waits for nothing");
        assert_eq!(why("a hook raised"), "a hook raised");
        assert_eq!(why(""), "");
    }
}
