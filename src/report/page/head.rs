//! The top of the page: what it is about and the result; and its foot.

use super::{
    cases,
    html::{Html, html},
    load,
    parts::{self, Tone, number, percent, tile, tiles, time},
};
use crate::{
    finding::Severity,
    report::{FindingEntry, Report, SandboxStatus, Status, plain},
};

/// The title of the window.
pub(super) fn title(report: &Report) -> String {
    format!("{}: {} – hookstorm", report.plugin.name, report.command)
}

/// Name, facts, verdict, tiles.
pub(super) fn header(report: &Report) -> Html {
    let version = report.plugin.version.as_ref();
    let version = version.map(|version| html!(" <small>{}</small>", version)).unwrap_or_default();
    let mut facts: Vec<(&str, String)> = Vec::new();
    facts.extend(report.plugin.r#type.as_ref().map(|name| ("Type", name.clone())));
    facts.push(("Platform", report.platform.clone()));
    facts.extend(report.python.as_ref().map(|python| ("Python", python.clone())));
    facts.extend(report.seed.map(|seed| ("Seed", seed.to_string())));
    let weakness = report.sandbox.as_ref().and_then(SandboxStatus::weakness);
    facts.extend(weakness.map(|weakness| ("Sandbox", weakness)));
    if report.elapsed_seconds > 0.0 {
        facts.push(("Took", time(report.elapsed_seconds * 1e3)));
    }
    // The worst stands out; the others follow in small print.
    let line = |(place, (tone, text)): (usize, (Tone, String))| {
        let sign = html!("<span class=\"sign {}\" aria-hidden=\"true\">{}</span>", tone.class(), tone.sign());
        match place {
            0 => html!("<p class=\"verdict {}\">{} {}</p>\n", tone.class(), sign, text),
            _ => html!("<p class=\"besides\">{} {}</p>\n", sign, text),
        }
    };
    let verdict: Html = verdict(report).into_iter().enumerate().map(line).collect();
    let figures = match &report.load {
        Some(measured) => load::summary(measured),
        None => figures(report),
    };
    html!(
        "<header>\n<p class=\"brand\">hookstorm <b>{}</b></p>\n<h1>{}{}</h1>\n{}{}{}{}</header>\n",
        &report.command,
        &report.plugin.name,
        version,
        parts::facts(facts),
        parts::command(&report.command_line()),
        verdict,
        figures
    )
}

/// The result in words, the worst first.
fn verdict(report: &Report) -> Vec<(Tone, String)> {
    let (known, new): (Vec<FindingEntry>, Vec<_>) = report.all_findings().into_iter().partition(|one| one.known);
    let mut all = Vec::new();
    if report.status == Status::Interrupted {
        all.push((Tone::Warning, "Stopped before its end".to_owned()));
    }
    let count = |level| new.iter().filter(|one| one.severity == level).count() as u64;
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let counts = [(errors, "error"), (warnings, "warning")];
    let counts = counts.into_iter().filter(|(number, _)| *number > 0);
    let counts: Vec<_> = counts.map(|(number, noun)| plain::counted(number, noun)).collect();
    let findings = plain::counted(new.len() as u64, "finding");
    all.extend(report.cautions.iter().map(|caution| (Tone::Warning, plain::harmless(caution).into_owned())));
    let success = if report.cautions.is_empty() { Tone::Good } else { Tone::Warning };
    match (errors, warnings) {
        (0, 0) if known.is_empty() && report.load.is_none() => {
            let sessions = plain::counted(report.sessions, "session");
            let seen = if report.sessions > 1 { format!(" in {sessions}") } else { String::new() };
            all.push((success, format!("Nothing found{seen}")));
        }
        (0, 0) if known.is_empty() => all.push((success, "No findings".to_owned())),
        (0, 0) => all.push((Tone::Good, "Nothing new found".to_owned())),
        (0, _) => all.push((Tone::Warning, format!("{findings}: {}", counts.join(", ")))),
        _ => all.push((Tone::Bad, format!("{findings}: {}", counts.join(", ")))),
    }
    if !known.is_empty() {
        all.push((Tone::Quiet, format!("{} in the baseline", plain::counted(known.len() as u64, "known finding"))));
    }
    all.extend(report.load.as_ref().map(load::verdict).unwrap_or_default());
    all.sort_by_key(|(tone, _)| *tone);
    all
}

fn figures(report: &Report) -> Html {
    let mut all = Vec::new();
    if !report.replayed().is_empty() {
        let names = [
            ("Cases that fail", "of"),
            ("Cases that pass", "fixed, or silent as they should be; of"),
            ("Cases not run", "of"),
        ];
        let of = number(report.replayed().len() as u64);
        for ((name, more), (_, count)) in names.into_iter().zip(cases::counts(report)) {
            all.push(tile(name, number(count), format!("{more} {of}")));
        }
    }
    if report.sessions > 0 {
        all.push(tile("Sessions", number(report.sessions), "each is one simulated connection"));
    }
    if report.calls > 0 {
        let rate = report.calls as f64 / report.elapsed_seconds;
        let rate = if rate.is_finite() { format!("{} per second", parts::short(rate)) } else { String::new() };
        all.push(tile("Calls of hooks", number(report.calls), rate));
    }
    if let Some(fuzz) = &report.fuzz {
        let more = format!("and {} features", number(fuzz.features as u64));
        all.push(tile("Edges that ran", number(fuzz.edges as u64), more));
        let more = format!("{} of them new to the corpus", number(fuzz.corpus_new as u64));
        all.push(tile("Sessions with new coverage", number(fuzz.corpus as u64), more));
    }
    let lines = &report.coverage;
    if lines.lines > 0 {
        let at_least = if lines.is_lower_bound() { "at least " } else { "" };
        let more = format!("{at_least}{} of {}", number(lines.lines_hit), number(lines.lines));
        all.push(tile("Lines that ran", percent(lines.lines_hit as f64 / lines.lines as f64), more));
    }
    if all.is_empty() { Html::default() } else { tiles(all) }
}

pub(super) fn footer(report: &Report) -> Html {
    html!(
        "<footer><p>Made by hookstorm {} from {}. This page loads nothing from anywhere.</p></footer>\n",
        &report.hookstorm,
        Html::code(&report.plugin.path)
    )
}
