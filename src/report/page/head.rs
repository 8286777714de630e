//! The top of the page, what it is about and what came of it, and its foot.

use super::{
    cases,
    html::{Html, html},
    load,
    parts::{self, Mood, number, percent, tile, tiles, time},
};
use crate::{
    finding::Severity,
    report::{
        document::{Document, Told},
        json::Status,
        plain,
    },
};

/// The title of the window.
pub(super) fn title(document: &Document) -> String {
    format!("{}: {} – hookstorm", document.plugin.name, document.command)
}

/// Name, facts, verdict, tiles.
pub(super) fn header(document: &Document) -> Html {
    let version = document.plugin.version.as_ref();
    let version = version.map(|version| html!(" <small>{}</small>", version)).unwrap_or_default();
    let mut facts: Vec<(&str, String)> = Vec::new();
    facts.extend(document.plugin.r#type.as_ref().map(|name| ("Type", name.clone())));
    facts.push(("Platform", document.platform.clone()));
    facts.extend(document.python.as_ref().map(|python| ("Python", python.clone())));
    facts.extend(document.seed.map(|seed| ("Seed", seed.to_string())));
    let weakness = document.sandbox.as_ref().and_then(|held| held.weakness());
    facts.extend(weakness.map(|weakness| ("Sandbox", weakness)));
    if document.elapsed_seconds > 0.0 {
        facts.push(("Took", time(document.elapsed_seconds * 1e3)));
    }
    // The worst stands out, the others follow it quietly.
    let line = |(place, (mood, text)): (usize, (Mood, String))| {
        let sign = html!("<span class=\"sign {}\" aria-hidden=\"true\">{}</span>", mood.class(), mood.sign());
        match place {
            0 => html!("<p class=\"verdict {}\">{} {}</p>\n", mood.class(), sign, text),
            _ => html!("<p class=\"besides\">{} {}</p>\n", sign, text),
        }
    };
    let verdict: Html = verdict(document).into_iter().enumerate().map(line).collect();
    let figures = match &document.load {
        Some(measured) => load::summary(measured),
        None => figures(document),
    };
    html!(
        "<header>\n<p class=\"brand\">hookstorm <b>{}</b></p>\n<h1>{}{}</h1>\n{}{}{}{}</header>\n",
        &document.command,
        &document.plugin.name,
        version,
        parts::facts(facts),
        parts::command(&document.command_line()),
        verdict,
        figures
    )
}

/// What came of it, in words, the worst first.
fn verdict(document: &Document) -> Vec<(Mood, String)> {
    let told = document.told();
    let (known, new): (Vec<&Told>, Vec<&Told>) = told.iter().partition(|one| one.known);
    let mut all = Vec::new();
    if document.status == Status::Interrupted {
        all.push((Mood::Warning, "Stopped before its end".to_owned()));
    }
    let count = |level| new.iter().filter(|one| one.severity == level).count() as u64;
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let counts = [(errors, "error"), (warnings, "warning")];
    let counts = counts.into_iter().filter(|(number, _)| *number > 0);
    let counts: Vec<_> = counts.map(|(number, noun)| plain::counted(number, noun)).collect();
    let findings = plain::counted(new.len() as u64, "finding");
    match (errors, warnings) {
        (0, 0) if known.is_empty() && document.load.is_none() => {
            let sessions = plain::counted(document.sessions, "session");
            let seen = if document.sessions > 1 { format!(" in {sessions}") } else { String::new() };
            all.push((Mood::Good, format!("Nothing found{seen}")));
        }
        (0, 0) if known.is_empty() => all.push((Mood::Good, "The oracles found nothing".to_owned())),
        (0, 0) => all.push((Mood::Good, "Nothing new found".to_owned())),
        (0, _) => all.push((Mood::Warning, format!("{findings}: {}", counts.join(", ")))),
        _ => all.push((Mood::Bad, format!("{findings}: {}", counts.join(", ")))),
    }
    if !known.is_empty() {
        all.push((Mood::Quiet, format!("{} in the baseline", plain::counted(known.len() as u64, "known finding"))));
    }
    all.extend(document.load.as_ref().map(load::verdict).unwrap_or_default());
    all.sort_by_key(|(mood, _)| *mood);
    all
}

fn figures(document: &Document) -> Html {
    let mut all = Vec::new();
    if !document.cases.is_empty() {
        let names = [
            ("Cases that fail", "of"),
            ("Cases that are well", "fixed, or silent as they must be; of"),
            ("Cases not run", "of"),
        ];
        let of = number(document.cases.len() as u64);
        for ((name, more), (_, count)) in names.into_iter().zip(cases::counts(document)) {
            all.push(tile(name, number(count), format!("{more} {of}")));
        }
    }
    if document.sessions > 0 {
        all.push(tile("Sessions", number(document.sessions), "each what one connection does"));
    }
    if document.calls > 0 {
        let rate = document.calls as f64 / document.elapsed_seconds;
        let rate = if rate.is_finite() { format!("{} per second", parts::short(rate)) } else { String::new() };
        all.push(tile("Calls of hooks", number(document.calls), rate));
    }
    if let Some(learned) = &document.fuzz {
        let more = format!("and {} outcomes", number(learned.features));
        all.push(tile("Edges that ran", number(learned.edges), more));
        let more = format!("{} of them new", number(learned.corpus_new));
        all.push(tile("Sessions worth keeping", number(learned.corpus), more));
    }
    let lines = &document.coverage;
    if lines.lines > 0 {
        let at_least = if lines.sampled && lines.lines_hit < lines.lines { "at least " } else { "" };
        let more = format!("{at_least}{} of {}", number(lines.lines_hit), number(lines.lines));
        all.push(tile("Lines that ran", percent(lines.lines_hit as f64 / lines.lines as f64), more));
    }
    if all.is_empty() { Html::default() } else { tiles(all) }
}

/// Who made it.
pub(super) fn footer(document: &Document) -> Html {
    html!(
        "<footer><p>Made by hookstorm {} from {}. This page loads nothing from anywhere.</p></footer>\n",
        &document.hookstorm,
        Html::code(&document.plugin.path)
    )
}
