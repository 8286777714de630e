//! The page as a whole: its head, its sections, and the policy that forbids it to load anything.

use super::{
    call, cases, coverage, finding, head,
    html::{Html, html},
    load,
    parts::section,
    prose,
};
use crate::report::Report;

const STYLE: &str = include_str!("style.css");
/// The browser fetches nothing, runs nothing, and sends nothing.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
/// `icon.svg`: in base64, so that the page holds no address, not even the name of SVG's own.
const ICON: &str = concat!("data:image/svg+xml;base64,", include_str!("icon.svg.base64"));

/// More findings than this are not laid out all at once.
const MANY: usize = 200;

/// The report as one HTML file.
pub fn text(report: &Report) -> String {
    let sections = sections(report);
    let links: Html =
        sections.iter().map(|(id, title, _)| html!("<li><a href=\"#{}\">{}</a></li>", *id, *title)).collect();
    let contents = if sections.len() > 2 {
        html!("<nav aria-label=\"Contents\"><ul>{}</ul></nav>\n", links)
    } else {
        Html::default()
    };
    let body: Html = sections.into_iter().map(|(id, title, body)| section(id, title, body)).collect();
    html!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{}</title>\n<link rel=\"icon\" href=\"{}\">\n<style>\n{}</style>\n</head>\n<body{}>\n{}{}\
         <main>\n{}</main>\n{}</body>\n</html>\n",
        POLICY,
        head::title(report),
        ICON.trim_end(),
        Html::own(STYLE.to_owned()),
        // A browser lays out thousands of findings only when they come into view.
        if report.findings.len() > MANY { html!(" class=\"many\"") } else { Html::default() },
        head::header(report),
        contents,
        body,
        head::footer(report)
    )
    .into_text()
}

/// The sections: an id, a title, the content.
fn sections(report: &Report) -> Vec<(&'static str, &'static str, Html)> {
    let findings = report.all_findings();
    let mut all = Vec::new();
    let mut add = |id, title, body: Option<Html>| all.extend(body.map(|body| (id, title, body)));
    add("cases", "Cases", cases::replayed(report));
    add("findings", "Findings", finding::new(report, &findings));
    add("minimized", "Cases", cases::minimized(report));
    add("calls", "Calls", report.trace.as_ref().map(|trace| call::all(&trace.calls)));
    add("known", "Known findings", finding::known(&findings));
    add("notes", "Notes", notes(report));
    if let Some(measured) = &report.load {
        all.extend(load::sections(measured));
    }
    let mut add = |id, title, body: Option<Html>| all.extend(body.map(|body| (id, title, body)));
    add("coverage", "Coverage", coverage::files(report));
    add("history", "Over time", coverage::over_time(report));
    all
}

fn notes(report: &Report) -> Option<Html> {
    let notes = report.notes.iter().map(|note| html!("<li>{}</li>\n", prose::spans(note)));
    (!report.notes.is_empty()).then(|| html!("<ul class=\"notes\">\n{}</ul>\n", notes.collect::<Html>()))
}
