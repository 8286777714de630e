//! The parts of all sections: tables in boxes that scroll, tiles, badges, and numbers for people.

use std::borrow::Cow;

use super::html::{Html, html};
use crate::finding::Severity;

/// The head of a column.
#[derive(Clone, Copy)]
pub(super) struct Column {
    name: &'static str,
    is_number: bool,
}

/// A column of words.
pub(super) const fn words(name: &'static str) -> Column {
    Column { name, is_number: false }
}

/// A column of numbers, aligned right.
pub(super) const fn numbers(name: &'static str) -> Column {
    Column { name, is_number: true }
}

/// A table; the first cell of a row is its head. It scrolls in its own box if it is too wide; its caption does not.
pub(super) fn table(caption: &str, columns: &[Column], rows: Vec<Vec<Html>>) -> Html {
    let class = |column: &Column| if column.is_number { " class=\"n\"" } else { "" };
    let head: Html = columns
        .iter()
        .map(|column| html!("<th scope=\"col\"{}>{}</th>", Html::own(class(column).to_owned()), column.name))
        .collect();
    let body: Html = rows
        .into_iter()
        .map(|row| {
            let cells = row.into_iter().zip(columns).enumerate();
            let cells: Html = cells
                .map(|(place, (cell, column))| match place {
                    0 => html!("<th scope=\"row\"{}>{}</th>", Html::own(class(column).to_owned()), cell),
                    _ => html!("<td{}>{}</td>", Html::own(class(column).to_owned()), cell),
                })
                .collect();
            html!("<tr>{}</tr>\n", cells)
        })
        .collect();
    html!(
        "<figure class=\"table\"><figcaption>{}</figcaption>\
         <div class=\"scroll\" role=\"region\" aria-label=\"{}\" tabindex=\"0\"><table aria-label=\"{}\">\
         <thead><tr>{}</tr></thead><tbody>\n{}</tbody></table></div></figure>\n",
        caption,
        caption,
        caption,
        head,
        body
    )
}

/// A figure that the reader should see first: its name, its value, and what it means.
pub(super) fn tile(name: &str, value: impl Into<Html>, more: impl Into<Html>) -> Html {
    html!("<div class=\"tile\"><dt>{}</dt><dd>{}<small>{}</small></dd></div>\n", name, value.into(), more.into())
}

/// Tiles side by side.
pub(super) fn tiles(all: Vec<Html>) -> Html {
    html!("<dl class=\"tiles\">\n{}</dl>\n", all.into_iter().collect::<Html>())
}

/// An assessment, the worst first; shown by a word and a sign, so that nobody needs the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    /// A failure.
    Bad,
    /// A warning.
    Warning,
    /// A good result.
    Good,
    /// None of these: neutral.
    Quiet,
}

impl Tone {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Warning => "▲",
            Self::Bad => "✕",
            Self::Quiet => "–",
        }
    }
}

/// A word in a small box.
pub(super) fn badge(tone: Tone, word: &str) -> Html {
    html!("<span class=\"badge {}\"><span aria-hidden=\"true\">{}</span> {}</span>", tone.class(), tone.sign(), word)
}

pub(super) fn severity(level: Severity) -> Html {
    match level {
        Severity::Error => badge(Tone::Bad, "error"),
        Severity::Warning => badge(Tone::Warning, "warning"),
    }
}

/// Names and what they are.
pub(super) fn facts(all: Vec<(&str, String)>) -> Html {
    let all: Html =
        all.into_iter().map(|(name, value)| html!("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value)).collect();
    html!("<dl class=\"facts\">\n{}</dl>\n", all)
}

/// How many bytes of one text a page shows; the case has all.
const TEXT_LIMIT: usize = 4000;

/// `text`, or its beginning and how much is left out.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= TEXT_LIMIT {
        return Cow::Borrowed(text);
    }
    let end = (0..=TEXT_LIMIT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Cow::Owned(format!("{}… and {} bytes more", &text[..end], number((text.len() - end) as u64)))
}

/// A value or a message in a cell.
pub(super) fn short_text(text: &str) -> Html {
    html!("<code class=\"value\">{}</code>", cut(text).as_ref())
}

/// A command to be copied.
pub(super) fn command(line: &str) -> Html {
    html!("<pre class=\"command\" tabindex=\"0\"><code>{}</code></pre>\n", line)
}

/// A section of the page.
pub(super) fn section(id: &str, title: &str, body: Html) -> Html {
    html!("<section id=\"{}\"><h2>{}</h2>\n{}</section>\n", id, title, body)
}

/// `12,345`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + 6);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Three digits of a number: `0.012`, `1.24`, `85.3`, `612`, `12,345`.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 999.5 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", number(size.round() as u64));
    }
    let decimals = match size {
        0.0 => return "0".to_owned(),
        99.95.. => 0,
        9.995.. => 1,
        0.9995.. => 2,
        _ => 3,
    };
    let shown = format!("{value:.decimals$}");
    if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.').to_owned() } else { shown }
}

/// A time in the unit that suits it: `0.85 ms`, `120 ms`, `2.5 s`, `3.2 min`.
pub(super) fn time(ms: f64) -> String {
    match ms {
        _ if !ms.is_finite() => "unknown".to_owned(),
        ..999.5 => format!("{} ms", short(ms)),
        ..120_000.0 => format!("{} s", short(ms / 1e3)),
        ..7_200_000.0 => format!("{} min", short(ms / 60e3)),
        _ => format!("{} h", short(ms / 3600e3)),
    }
}

/// `12.5 %` of a part from 0 to 1.
pub(super) fn percent(part: f64) -> String {
    format!("{} %", short(part * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_their_unit() {
        assert_eq!(
            [0.0, 0.0124, 1.2399, 85.34, 611.7, 999.7, 1_234_567.0].map(short).join(" "),
            "0 0.012 1.24 85.3 612 1,000 1,234,567"
        );
        assert_eq!([-0.5, -12_345.0, 2.0].map(short).join(" "), "-0.5 -12,345 2");
        assert_eq!(
            [0.85, 120.0, 999.6, 2500.0, 192_000.0, 8e6].map(time).join(", "),
            "0.85 ms, 120 ms, 1 s, 2.5 s, 3.2 min, 2.22 h"
        );
        assert_eq!(percent(0.001), "0.1 %");
        assert_eq!(time(f64::NAN), "unknown");
    }

    #[test]
    fn a_table_names_its_rows_and_columns_for_those_who_hear_it() {
        let shown = table("Hooks", &[words("hook"), numbers("calls")], vec![vec!["<a>".into(), 3_usize.into()]]);
        let shown = shown.into_text();
        assert!(shown.contains("<th scope=\"row\">&lt;a&gt;</th><td class=\"n\">3</td>"), "{shown}");
        assert!(shown.contains("<th scope=\"col\" class=\"n\">calls</th>"), "{shown}");
    }
}
