//! What `replay` and `minimize` did with each case.

use super::{
    html::{Html, html},
    parts::{Mood, badge, command, severity, short_text, table, words},
};
use crate::report::document::{Case, Document};

/// Cases that were replayed; none where there are none.
pub(super) fn replayed(document: &Document) -> Option<Html> {
    if document.cases.is_empty() {
        return None;
    }
    let rows = document.cases.iter().map(|case| {
        let text = case.reason.as_ref().or(case.message.as_ref()).map(|text| short_text(text)).unwrap_or_default();
        let rule = case.rule.as_deref().map(Html::code).unwrap_or_else(|| "a regression test".into());
        let level = case.severity.map(|level| html!(" {}", severity(level))).unwrap_or_default();
        let known = if case.known { html!(" {}", badge(Mood::Quiet, "known")) } else { Html::default() };
        let again = case
            .again
            .as_ref()
            .map(|line| html!("<details><summary>{}</summary>{}</details>", Html::code(&case.path), command(line)));
        vec![
            again.unwrap_or_else(|| Html::code(&case.path)),
            html!("{}{}", outcome(case), known),
            html!("{}{}", rule, level),
            text,
        ]
    });
    let columns = [words("case"), words("came of it"), words("rule"), words("what it said")];
    Some(table("Cases that were run again; open one for its command", &columns, rows.collect()))
}

/// Cases by how they fare: those that fail, those that are well, and those that were not run.
pub(super) fn counts(document: &Document) -> [(Mood, u64); 3] {
    let count = |wanted: &[Mood]| document.cases.iter().filter(|case| wanted.contains(&mood(case).0)).count() as u64;
    [
        (Mood::Bad, count(&[Mood::Bad, Mood::Warning])),
        (Mood::Good, count(&[Mood::Good])),
        (Mood::Quiet, count(&[Mood::Quiet])),
    ]
}

fn outcome(case: &Case) -> Html {
    let (mood, words) = mood(case);
    badge(mood, words)
}

fn mood(case: &Case) -> (Mood, &str) {
    match case.outcome.as_str() {
        "still-there" => (Mood::Bad, "still there"),
        "became-another" => (Mood::Bad, "became another"),
        "broke" => (Mood::Bad, "broke"),
        "broken" => (Mood::Bad, "cannot be run"),
        "fixed" => (Mood::Good, "fixed"),
        "silent" => (Mood::Good, "silent, as it must be"),
        "other-type" => (Mood::Quiet, "for another type of plugin"),
        "wants-other" => (Mood::Quiet, "wants another plugin"),
        "not-run" => (Mood::Quiet, "not run"),
        other => (Mood::Warning, other),
    }
}

/// Cases that were shrunk; none where there are none.
pub(super) fn minimized(document: &Document) -> Option<Html> {
    let rows: Vec<_> = document
        .shrunk()
        .map(|one| {
            let size = |(calls, arguments): (usize, usize)| format!("{calls} calls, {arguments} arguments");
            let now = one
                .after
                .map_or_else(|| html!("taken out: {}", one.reason.unwrap_or_default()), |after| size(after).into());
            vec![Html::code(one.path), size(one.before).into(), now]
        })
        .collect();
    (!rows.is_empty())
        .then(|| table("Cases that were made smaller", &[words("case"), words("before"), words("now")], rows))
}
