//! Texts on which a Python regular expression that backtracks takes very long: what comes before a repetition, then
//! many times what it repeats, then something that does not match. `re` then tries every way to divide the repeated
//! part among all repetitions that can take it. `(\w+)*@` takes exponential time, `\[\[ *(.+?) *\|` cubic time.
//!
//! Nothing here knows how long an expression takes. Every repetition gets such texts, and the time limit decides.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::pattern;

/// The length of a repeated part, in characters: long enough for cubic time, and short enough that quadratic time stays
/// within a second. The short one is for expressions behind a check of the length; exponential time needs no more.
const LENGTHS: [usize; 2] = [3000, 48];
/// What may stand after the repeated part: the first of them that the expression does not name.
const ENDS: [&str; 4] = ["!", "#", "\u{1}", "~"];
/// The most repetitions of an expression that get texts.
const REPETITIONS_LIMIT: usize = 12;
/// The most texts for an expression: each may cost the time limit.
const TEXTS_LIMIT: usize = 12;
/// The longest text before a repetition, in bytes.
const PREFIX_BYTES_LIMIT: usize = 256;

/// Such texts for `pattern`, those of the first repetitions first.
pub(in crate::generate) fn slow_texts(pattern: &str) -> Vec<String> {
    let Some(hir) = pattern::parsed(pattern) else { return Vec::new() };
    let mut found = Vec::new();
    repetitions(&hir, "", &mut found);
    // A repetition of a class is slowest with what other repetitions match as well.
    let units: Vec<String> = found.iter().map(|(_, unit, _)| unit.clone()).collect();
    let mut parts: Vec<(&str, &str)> = Vec::new();
    for (prefix, unit, class) in &found {
        let shared = units.iter().filter(|other| *other != unit && class.is_some_and(|class| contains(class, other)));
        for unit in shared.chain([unit]) {
            if !parts.contains(&(prefix, unit)) {
                parts.push((prefix, unit));
            }
        }
    }
    let end = ENDS.iter().find(|end| !pattern.contains(**end)).unwrap_or(&ENDS[0]);
    let text = |length: usize, (prefix, unit): &(&str, &str)| {
        format!("{prefix}{}{end}", unit.repeat(length / unit.chars().count().max(1)))
    };
    let texts =
        parts.iter().take(TEXTS_LIMIT / LENGTHS.len()).flat_map(|part| LENGTHS.map(|length| text(length, part)));
    texts.collect()
}

/// Adds the unbounded repetitions in `hir`: the text before each, what it repeats, and its class if it repeats one.
fn repetitions<'h>(hir: &'h Hir, prefix: &str, found: &mut Vec<(String, String, Option<&'h Class>)>) {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            let unit = pattern::plainest(&repetition.sub);
            let is_long = repetition.max.is_none_or(|max| max > 16);
            if is_long && !unit.is_empty() && found.len() < REPETITIONS_LIMIT && prefix.len() <= PREFIX_BYTES_LIMIT {
                let class = match repetition.sub.kind() {
                    HirKind::Class(class) => Some(class),
                    _ => None,
                };
                found.push((prefix.to_owned(), unit, class));
            }
            repetitions(&repetition.sub, prefix, found);
        }
        HirKind::Capture(capture) => repetitions(&capture.sub, prefix, found),
        HirKind::Concat(parts) => {
            let mut before = prefix.to_owned();
            for part in parts {
                repetitions(part, &before, found);
                before.push_str(&pattern::shortest(part));
            }
        }
        HirKind::Alternation(parts) => parts.iter().for_each(|part| repetitions(part, prefix, found)),
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => {}
    }
}

/// Whether `text` is one character of `class`.
fn contains(class: &Class, text: &str) -> bool {
    let mut characters = text.chars();
    let (Some(character), None, Class::Unicode(class)) = (characters.next(), characters.next(), class) else {
        return false;
    };
    class.iter().any(|range| (range.start()..=range.end()).contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_repetition_gets_a_long_text_of_what_it_repeats_and_a_mismatch() {
        let cases: &[(&str, &str, &str)] = &[
            (r"\[\[ *(.+?) *\| *(.+?) *\]\]", "[[", " "),
            (r"(\w+)*@", "", "a"),
            (r"^(a|aa)+$", "", "a"),
            (r"CN=(.*),OU=(.*),DC=(.*)$", "CN=", "a"),
            (r"^\s*(\S+\s*)+;$", "", "a"),
            (r"^([a-z]+\.)+[a-z]+$", "", "a."),
            (r"x{2,100}y", "", "x"),
        ];
        for (pattern, prefix, unit) in cases {
            let texts = slow_texts(pattern);
            let is_it = |text: &String| {
                let rest = text.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('!'));
                rest.is_some_and(|rest| rest.len() > 2000 && rest == unit.repeat(rest.len() / unit.len()))
            };
            assert!(texts.iter().any(is_it), "{pattern}: {:?}", texts.iter().map(|t| &t[..20]).collect::<Vec<_>>());
            assert!(texts.iter().any(|text| text.len() < 100), "{pattern}");
        }
    }

    #[test]
    fn the_end_is_nothing_that_the_expression_names() {
        assert!(slow_texts(r"^([a-z]+)*!$").iter().all(|text| text.ends_with('#')));
        assert!(slow_texts(r"^([a-z]+)*$").iter().all(|text| text.ends_with('!')));
    }

    #[test]
    fn texts_are_bounded_and_an_expression_without_repetition_gets_none() {
        for pattern in ["abc", r"\d{3}", "(", "", "a?b?"] {
            assert_eq!(slow_texts(pattern), [""; 0], "{pattern}");
        }
        let many = "(a*)".repeat(100);
        let texts = slow_texts(&many);
        assert!(texts.len() <= TEXTS_LIMIT && texts.iter().all(|text| text.len() < 4096));
    }
}
