//! Findings by rule: what the rule is, then each finding with all that is known of it and how to reproduce it.

use std::collections::BTreeSet;

use super::{
    call,
    html::{Html, html},
    parts::{Tone, badge, command, number, numbers, severity, short_text, table, words},
    prose,
};
use crate::{
    finding::{Rule, Severity},
    report::{CodeLocation, FindingEntry, OptionValue, Report, explanation},
};

/// New findings by rule, if there are any.
pub(super) fn new(report: &Report, all: &[FindingEntry]) -> Option<Html> {
    let new: Vec<&FindingEntry> = all.iter().filter(|one| !one.known).collect();
    if new.is_empty() {
        return None;
    }
    let groups = groups(&new);
    let rows = groups.iter().map(|(rule, findings)| {
        let link = html!("<a href=\"#rule-{}\"><code>{}</code></a>", *rule, *rule);
        vec![link, severity(worst(findings)), findings.len().into(), summary(rule)]
    });
    let columns = [words("rule"), words("level"), numbers("findings"), words("what it is about")];
    let mut body = Html::default();
    if new.len() > 1 {
        body.push(table("Rules that are broken", &columns, rows.collect()));
    }
    // Two cases of a replay may show one defect, and an id stands for one place.
    let mut named = BTreeSet::new();
    for (rule, findings) in &groups {
        let mut all = Html::default();
        for one in findings {
            let id = if named.insert(&one.fingerprint) {
                html!(" id=\"finding-{}\"", &one.fingerprint)
            } else {
                Html::default()
            };
            all.push(article(report, one, id));
        }
        body.push(html!(
            "<section class=\"rule\" id=\"rule-{}\">\n<h3><code>{}</code></h3>\n{}{}</section>\n",
            *rule,
            *rule,
            about(rule),
            all
        ));
    }
    Some(body)
}

/// Known findings, if there are any.
pub(super) fn known(all: &[FindingEntry]) -> Option<Html> {
    let known = all.iter().filter(|one| one.known);
    let rows: Vec<_> = known
        .map(|one| {
            let hook = one.hook.as_deref().map(Html::code).unwrap_or_default();
            vec![
                Html::code(&one.rule),
                severity(one.severity),
                hook,
                short_text(&one.message),
                Html::code(&one.fingerprint),
            ]
        })
        .collect();
    let columns = [words("rule"), words("level"), words("hook"), words("what happens"), words("fingerprint")];
    (!rows.is_empty()).then(|| table("In the baseline: these fail no run", &columns, rows))
}

/// By rule, in the order of the report; rules with errors first.
fn groups<'a>(findings: &[&'a FindingEntry]) -> Vec<(&'a str, Vec<&'a FindingEntry>)> {
    let mut groups: Vec<(&str, Vec<&FindingEntry>)> = Vec::new();
    for &one in findings {
        match groups.iter_mut().find(|(rule, _)| *rule == one.rule) {
            Some((_, findings)) => findings.push(one),
            None => groups.push((&one.rule, vec![one])),
        }
    }
    groups.sort_by_key(|(_, findings)| worst(findings) != Severity::Error);
    groups
}

fn worst(findings: &[&FindingEntry]) -> Severity {
    let is_error = findings.iter().any(|one| one.severity == Severity::Error);
    if is_error { Severity::Error } else { Severity::Warning }
}

fn summary(rule: &str) -> Html {
    Rule::named(rule).map_or_else(|| "a rule of a later version".into(), |rule| rule.summary().into())
}

/// What the rule is; folded away, why it matters and how to fix it.
fn about(rule: &str) -> Html {
    let Some(rule) = Rule::named(rule) else { return html!("<p class=\"quiet\">{}</p>\n", summary(rule)) };
    html!(
        "<p>{}</p>\n<details class=\"about\"><summary>Why it matters, and how to fix it</summary>\n{}</details>\n",
        prose::spans(&explanation::lead(rule)),
        prose::rest(explanation::body(rule))
    )
}

fn article(report: &Report, finding: &FindingEntry, id: Html) -> Html {
    let mut body = Html::default();
    if let Some(place) = &finding.location {
        body.push(html!("<p class=\"place\">{}</p>\n", at(place)));
    }
    let marked = finding.location.as_ref().and_then(|place| place.line);
    if !finding.source.is_empty() {
        let lines: Html = finding
            .source
            .iter()
            .map(|line| {
                let (class, sign) = if Some(line.line) == marked { (" marked", "▸") } else { ("", "") };
                let number = html!("<i>{}</i>", u64::from(line.line));
                html!("<span class=\"line{}\"><b>{}</b>{}{}\n</span>", class, sign, number, Html::lines(&line.text))
            })
            .collect();
        body.push(html!("<pre class=\"listing\" tabindex=\"0\"><code>{}</code></pre>\n", lines));
    }
    if let Some(hint) = &finding.hint {
        body.push(html!("<p class=\"hint\"><b>What to do</b> {}</p>\n", prose::spans(hint)));
    }
    if !finding.options.is_empty() {
        let row = |option: &OptionValue| {
            vec![Html::code(&format!("[{}] {}", option.section, option.name)), short_text(&option.value)]
        };
        let rows = finding.options.iter().map(row).collect();
        body.push(table("Options without which it does not show", &[words("option"), words("value")], rows));
    }
    if let Some(seen) = &finding.call {
        body.push(call::seen(seen));
    }
    if let Some(again) = &finding.again {
        body.push(html!("<h5>Reproduce</h5>\n{}", command(again)));
    }
    html!(
        "<article class=\"finding\"{}>\n<p class=\"line-up\">{} {}<span class=\"quiet\">{}</span>{}</p>\n\
         <h4 class=\"message\">{}</h4>\n{}{}</article>\n",
        id,
        severity(finding.severity),
        finding.hook.as_deref().map(Html::code).unwrap_or_default(),
        seen_in(report, finding),
        marks(finding),
        prose::spans(&finding.message),
        body,
        foot(finding)
    )
}

fn seen_in(report: &Report, finding: &FindingEntry) -> String {
    if report.sessions > 1 && finding.case.is_some() {
        format!("{} of {} sessions", number(finding.occurrences), number(report.sessions))
    } else {
        String::new()
    }
}

/// Unusual properties of a finding.
fn marks(finding: &FindingEntry) -> Html {
    let mut marks = Html::default();
    if finding.every_session {
        marks.push(html!(" {}", badge(Tone::Quiet, "every nominal session that calls the hook")));
    }
    if let Some(cause) = &finding.follows {
        marks.push(html!(" {}", badge(Tone::Quiet, &format!("follows from {cause}"))));
    }
    if finding.in_sdk {
        marks.push(html!(" {}", badge(Tone::Quiet, "in the Plugin SDK, not in the plugin")));
    }
    if finding.foreign_cookie {
        marks.push(html!(" {}", badge(Tone::Quiet, "needs a cookie that the plugin never returned")));
    }
    marks
}

fn foot(finding: &FindingEntry) -> Html {
    let case = finding.case.as_ref().map(|case| html!("case {} · ", Html::code(case))).unwrap_or_default();
    html!("<p class=\"foot\">{}fingerprint {}</p>\n", case, Html::code(&finding.fingerprint))
}

/// A place, as an editor takes it.
pub(super) fn at(place: &CodeLocation) -> Html {
    let function = place.function.as_deref().map(|function| html!(" in {}", Html::code(function))).unwrap_or_default();
    html!("{}{}", Html::code(&place.file_and_line()), function)
}
