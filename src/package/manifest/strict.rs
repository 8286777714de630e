//! Finds what PyYAML refuses in a text that is valid YAML 1.2: tabs between tokens, anchors that appear twice or have
//! names that PyYAML does not allow, keys that are not on one line, `?` inside plain scalars of a flow collection,
//! directives of other YAML versions.
//!
//! It reads the text between scalars, whose positions the parser knows. What PyYAML accepts and YAML 1.2 does not is
//! refused on purpose, because the guide requires YAML 1.2 \[G\].

use std::collections::HashSet;

use saphyr_parser::ScalarStyle;

use super::node::{Fault, Position, ScalarSpan};

const TAB: &str = "a tab, which the platform's YAML reader does not accept as white space; use spaces";

/// Checks `characters`, with the positions of its scalars.
pub(super) fn check(characters: &[char], scalars: &[ScalarSpan]) -> Result<(), Fault> {
    let mut gaps = Gaps { characters, anchors: HashSet::new() };
    let mut from = 0;
    for span in scalars {
        let end = span.end.min(characters.len());
        // The parser's span of a scalar includes anchor and tag.
        let start = skip_properties(characters, span.start.min(end), end);
        gaps.check(from, start)?;
        if span.is_key {
            check_key(characters, span.start.min(end), start, end)?;
        }
        from = match span.style {
            ScalarStyle::Plain => {
                check_plain(characters, start, end, span.in_flow)?;
                end
            }
            // The parser's span includes the white space after the quote.
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                let length =
                    characters[start..end].iter().rposition(|character| Some(character) == characters.get(start));
                length.map_or(end, |length| start + length + 1)
            }
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let header = characters[start..].iter().position(|&character| character == '\n');
                let content = header.map_or(characters.len(), |length| start + length);
                if matches!(characters.get(start), Some('|' | '>')) {
                    gaps.check(start, content.min(end))?;
                }
                check_block(characters, content.min(end), end)?;
                end
            }
        }
        .max(from);
    }
    gaps.check(from, characters.len())
}

/// Where the scalar itself begins, after its anchor and its tag.
fn skip_properties(characters: &[char], start: usize, end: usize) -> usize {
    let until = |from: usize, is_end: fn(char) -> bool| {
        characters[from..end].iter().position(|&character| is_end(character)).map_or(end, |length| from + length)
    };
    let mut at = start;
    if !matches!(characters.get(at), Some('&' | '!')) {
        return at;
    }
    while at < end {
        at = match characters[at] {
            '&' | '!' => until(at, char::is_whitespace),
            '#' => until(at, |character| character == '\n'),
            character if character.is_whitespace() => at + 1,
            _ => return at,
        };
    }
    end
}

/// Checks that a key without `?` exists and is on one line with its `:`.
fn check_key(characters: &[char], properties: usize, start: usize, end: usize) -> Result<(), Fault> {
    let before = characters[..properties].iter().rev().find(|character| !character.is_whitespace());
    if before == Some(&'?') {
        return Ok(());
    }
    if properties == end {
        return Err(fault(characters, start, "a `:` without a key before it"));
    }
    let mut colon = end;
    loop {
        colon += characters[colon..].iter().take_while(|character| character.is_whitespace()).count();
        if characters.get(colon) != Some(&'#') {
            break;
        }
        colon += characters[colon..].iter().take_while(|&&character| character != '\n').count();
    }
    let has_break = || characters[properties..colon].contains(&'\n');
    if characters.get(colon) == Some(&':') && has_break() {
        return Err(fault(characters, properties, "a key must be on one line with its `:`"));
    }
    Ok(())
}

fn check_plain(characters: &[char], start: usize, end: usize, in_flow: bool) -> Result<(), Fault> {
    if let Some(first @ ('|' | '>' | '%' | '@' | '`')) = characters[start..end].first() {
        return Err(fault(characters, start, format!("text cannot begin with `{first}` here; quote it")));
    }
    if in_flow && characters[start..end].first() == Some(&':') {
        return Err(fault(characters, start, "a `:` without a key before it; quote the text"));
    }
    for at in start..end {
        match characters[at] {
            '\t' => return Err(fault(characters, at, TAB)),
            '?' if in_flow => {
                let reason =
                    "a `?` inside `[]` or `{}`, which the platform's YAML reader reads as a key; quote the text";
                return Err(fault(characters, at, reason));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks a block scalar: for PyYAML a tab before the content's own indentation ends the scalar.
fn check_block(characters: &[char], start: usize, end: usize) -> Result<(), Fault> {
    let mut indent = usize::MAX;
    let mut tabs = Vec::new();
    let mut at = start;
    while at < end {
        let line_end =
            characters[at..end].iter().position(|&character| character == '\n').map_or(end, |length| at + length);
        let spaces = characters[at..line_end].iter().take_while(|&&character| character == ' ').count();
        match characters[at..line_end].get(spaces) {
            Some('\t') => tabs.push((at + spaces, spaces)),
            Some(_) => indent = indent.min(spaces),
            None => {}
        }
        at = line_end + 1;
    }
    match tabs.iter().find(|(_, spaces)| *spaces < indent) {
        Some(&(at, _)) if indent < usize::MAX => Err(fault(characters, at, TAB)),
        _ => Ok(()),
    }
}

fn fault(characters: &[char], at: usize, reason: impl Into<String>) -> Fault {
    let before = &characters[..at];
    let line = before.iter().filter(|&&character| character == '\n').count() + 1;
    let column = before.iter().rev().take_while(|&&character| character != '\n').count() + 1;
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: number(line), column: number(column) }.fault(reason)
}

struct Gaps<'a> {
    characters: &'a [char],
    anchors: HashSet<&'a [char]>,
}

impl Gaps<'_> {
    /// Checks the text between two scalars: indicators, properties, comments and directives.
    fn check(&mut self, from: usize, to: usize) -> Result<(), Fault> {
        let characters = self.characters;
        let mut at = from;
        while at < to {
            let is_first = at == 0 || characters[at - 1] == '\n';
            match characters[at] {
                '#' if is_first || matches!(characters[at - 1], ' ' | '\t') => at = self.line_end(at),
                '%' if is_first => {
                    let end = self.line_end(at);
                    self.directive(at, end)?;
                    at = end;
                }
                '\t' => return Err(fault(characters, at, TAB)),
                indicator @ ('&' | '*') => {
                    let name = at + 1;
                    let is_name = |character: &char| character.is_ascii_alphanumeric() || "-_".contains(*character);
                    let length = characters[name..].iter().take_while(|character| is_name(character)).count();
                    let end = name + length;
                    let next = characters.get(end).copied().unwrap_or('\n');
                    if length == 0 || !" \t\n,]}".contains(next) {
                        let reason = "the name of an anchor may contain only letters, digits, `-` and `_`";
                        return Err(fault(characters, at, reason));
                    }
                    if indicator == '&' && !self.anchors.insert(&characters[name..end]) {
                        let name: String = characters[name..end].iter().collect();
                        return Err(fault(characters, at, format!("the anchor `&{name}` appears twice")));
                    }
                    at = end;
                }
                '!' => {
                    let length = characters[at..].iter().position(|character| character.is_whitespace());
                    let end = length.map_or(characters.len(), |length| at + length);
                    let is_verbatim = characters.get(at + 1) == Some(&'<');
                    if !is_verbatim && characters[at..end].iter().any(|character| ",[]{}".contains(*character)) {
                        return Err(fault(characters, at, "a tag must be followed by a space"));
                    }
                    at = end;
                }
                _ => at += 1,
            }
        }
        Ok(())
    }

    fn line_end(&self, from: usize) -> usize {
        let length = self.characters[from..].iter().position(|&character| character == '\n');
        length.map_or(self.characters.len(), |length| from + length)
    }

    /// PyYAML reads YAML 1.x for every x, and no tab in a directive that it knows.
    fn directive(&self, start: usize, end: usize) -> Result<(), Fault> {
        let text: String = self.characters[start..end].iter().collect();
        let mut words = text[1..].split(' ').filter(|word| !word.is_empty());
        let name = if text[1..].starts_with(' ') { None } else { words.next() };
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        match name {
            Some("YAML") if !words.next().is_some_and(|version| version.starts_with("1.")) => {
                Err(fault(self.characters, start, "the directive requires a YAML version other than 1.x"))
            }
            None => Err(fault(self.characters, start, "a directive without a name")),
            Some(name) if !is_name(name) => Err(fault(
                self.characters,
                start,
                "the name of a directive may contain only letters, digits, `-` and `_`",
            )),
            _ => Ok(()),
        }
    }
}
