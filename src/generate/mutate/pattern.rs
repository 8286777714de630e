//! Texts that match a Python regular expression, for branches that call `re.match`. They are plain: from a class of
//! characters they take one that users type, and they repeat as little as makes sense. An expression that Rust's syntax
//! cannot express gives no text.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The longest expression, in bytes.
const PATTERN_BYTES_LIMIT: usize = 2048;
/// The longest text, in bytes.
const TEXT_BYTES_LIMIT: usize = 4096;
/// The most parts of an expression that one text uses: empty repetitions can be nested.
const STEPS_LIMIT: u32 = 16 << 10;
/// The characters that each variant takes from a class, if the class has one of them.
const PLAIN: &[&[char]] = &[&['a', '1', 'A', '_', ' '], &['z', '7', 'Q', '-', '.'], &['m', '0', 'X', '/', ':']];

/// Texts that match `pattern`, each once, the plainest first.
pub(super) fn matches(pattern: &str) -> Vec<String> {
    let Some(hir) = parsed(pattern) else { return Vec::new() };
    let mut texts: Vec<String> = Vec::new();
    for variant in 0..PLAIN.len() {
        let text = text_of(&hir, variant);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// The expression; `None` if it is too long or Rust's syntax cannot express it.
fn parsed(pattern: &str) -> Option<Hir> {
    if pattern.len() > PATTERN_BYTES_LIMIT {
        return None;
    }
    regex_syntax::ParserBuilder::new().nest_limit(64).build().parse(&translated(pattern)).ok()
}

fn text_of(hir: &Hir, variant: usize) -> String {
    let (mut text, mut steps) = (String::new(), STEPS_LIMIT);
    push(hir, variant, &mut text, &mut steps);
    text
}

fn push(hir: &Hir, variant: usize, text: &mut String, steps: &mut u32) {
    if text.len() > TEXT_BYTES_LIMIT || *steps == 0 {
        return;
    }
    *steps -= 1;
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            let has = |character: &char| class.iter().any(|range| (range.start()..=range.end()).contains(character));
            let plain = PLAIN[variant].iter().copied().find(has);
            text.extend(plain.or_else(|| class.iter().next().map(|range| range.start())));
        }
        HirKind::Class(Class::Bytes(class)) => {
            text.extend(class.iter().next().map(|range| char::from(range.start())));
        }
        HirKind::Repetition(repetition) => {
            // An optional part is present in the first variant and absent in the second.
            let wanted = match variant {
                0 => repetition.min.max(1),
                1 => repetition.min,
                _ => repetition.min.saturating_add(2),
            };
            let count = repetition.max.map_or(wanted, |max| wanted.min(max));
            for _ in 0..count.min(1024) {
                push(&repetition.sub, variant, text, steps);
            }
        }
        HirKind::Capture(capture) => push(&capture.sub, variant, text, steps),
        HirKind::Concat(parts) => parts.iter().for_each(|part| push(part, variant, text, steps)),
        HirKind::Alternation(parts) => {
            if let Some(part) = parts.get(variant).or_else(|| parts.first()) {
                push(part, variant, text, steps);
            }
        }
    }
}

/// Translates Python's syntax into Rust's where they differ: braces that are no repetition, brackets and operators in
/// classes, `\Z`, and lookaheads and lookbehinds, which it leaves out.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        match character {
            '\\' => {
                let escaped = after.chars().next();
                out.push('\\');
                match escaped {
                    Some('Z') => out.push('z'),
                    Some(other) => out.push(other),
                    None => {}
                }
                rest = &after[escaped.map_or(0, char::len_utf8)..];
                continue;
            }
            '[' if in_class => out.push_str("\\["),
            '&' | '~' | '-' if in_class && after.starts_with(character) => {
                out.push('\\');
                out.push(character);
            }
            '[' => {
                in_class = true;
                out.push('[');
                // A bracket at the start of a class is a character.
                let after_not = after.strip_prefix('^').unwrap_or(after);
                if after_not.len() < after.len() {
                    out.push('^');
                }
                rest = after_not;
                if let Some(after_bracket) = after_not.strip_prefix(']') {
                    out.push_str("\\]");
                    rest = after_bracket;
                }
                continue;
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '{' if !in_class && !repeats(after) => out.push_str("\\{"),
            '}' if !in_class && !closes(&pattern[..pattern.len() - rest.len()]) => out.push_str("\\}"),
            '(' if !in_class && ["?=", "?!", "?<=", "?<!", "?#"].iter().any(|look| after.starts_with(look)) => {
                rest = after_group(after);
                continue;
            }
            other => out.push(other),
        }
        rest = after;
    }
    out
}

/// Whether the text after a brace is `3}`, `3,}` or `3,5}`.
fn repeats(after: &str) -> bool {
    let Some((inner, _)) = after.split_once('}') else { return false };
    let (low, high) = inner.split_once(',').unwrap_or((inner, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !low.is_empty() && is_number(low) && is_number(high)
}

/// Whether a brace after `before` ends a repetition.
fn closes(before: &str) -> bool {
    before.rsplit_once('{').is_some_and(|(_, inner)| repeats(&format!("{inner}}}")))
}

/// The rest after the group whose content begins here.
fn after_group(inside: &str) -> &str {
    let mut depth = 1_u32;
    let mut is_escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return &inside[at + 1..];
                }
            }
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_matches_its_python_expression() {
        let cases: &[(&str, &str)] = &[
            (r"^key://([a-z]+)#(\w+)$", "key://a#a"),
            (r"(?P<name>[^@]+)@(?P<domain>corp|lab)\Z", "a@corp"),
            (r"\d{3}-\d{4}", "111-1111"),
            (r"CHG[0-9]{7,}", "CHG1111111"),
            (r"^\{(\d+)\}$", "{1}"),
            (r"{user}x{2}", "{user}xx"),
            (r"[]a]+[^]]", "aa"),
            (r"[[x]", "x"),
            (r"(?=.*x)(?!admin)v1", "v1"),
            (r"(?i)straße?", "STRASSE"),
        ];
        for (pattern, like) in cases {
            let texts = matches(pattern);
            assert!(!texts.is_empty(), "{pattern}");
            let regex = regex::Regex::new(&translated(pattern)).unwrap();
            assert!(texts.iter().all(|text| regex.is_match(text)), "{pattern}: {texts:?}");
            if !pattern.contains("(?i)") && !pattern.starts_with("[[") {
                assert_eq!(texts[0], *like, "{pattern}");
            }
        }
    }

    #[test]
    fn an_expression_that_rust_cannot_read_gives_no_text() {
        for pattern in [r"(a)\1", "(", "[", "\\", &"(".repeat(3000)] {
            assert_eq!(matches(pattern), [] as [String; 0], "{pattern}");
        }
        assert!(!matches("((((){1000}){1000}){1000}){1000}").is_empty(), "it ends at once");
        assert!(matches("(a{1000}){1000}").iter().all(|text| text.len() <= TEXT_BYTES_LIMIT + 1024));
    }
}
