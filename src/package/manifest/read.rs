//! Reads the bytes of a MANIFEST.

use super::{
    FILE, Manifest,
    construct::{self, Constructed},
    fields,
    node::{Fault, Position},
    strict, yaml,
};
use crate::{
    contract::Platform,
    finding::{Finding, Location, Rule},
};

/// The most bytes that a MANIFEST may have. Real ones have a few hundred.
const BYTES_LIMIT: usize = 256 << 10;
/// How many duplicate keys are reported.
const REPORTED_DUPLICATES: usize = 20;

impl Manifest {
    /// Reads and checks the file's bytes as `platform` does. `None` if they cannot be read; a MANIFEST with a duplicate
    /// key is reported and read, and the last value counts.
    pub fn read(bytes: &[u8], platform: &Platform) -> (Option<Self>, Vec<Finding>) {
        let mut findings = Vec::new();
        let constructed = match construct(bytes, &mut findings) {
            Ok(constructed) => constructed,
            Err(Fault { position, reason }) => {
                let text = format!("MANIFEST cannot be read: {reason}");
                findings.push(Finding::draft(Rule::ManifestUnreadable, text).at(at(position)).finish());
                return (None, findings);
            }
        };
        for duplicate in constructed.duplicates.iter().take(REPORTED_DUPLICATES) {
            let text = format!("`{}` appears twice, first in line {}", duplicate.key, duplicate.first.line);
            let hint = "YAML forbids it, and the platform uses the last one without a message; remove one of them";
            let draft = Finding::draft(Rule::ManifestUnreadable, text).detail(&*duplicate.key);
            findings.push(draft.at(at(duplicate.second)).hint(hint.to_owned()).finish());
        }
        let manifest = fields::check(&constructed, platform, &mut findings);
        (Some(manifest), findings)
    }

    /// Whether the bytes are valid YAML 1.2, whatever they say. Where PyYAML accepts what this refuses, hookstorm is
    /// strict on purpose, because the guide requires YAML 1.2 \[G\].
    pub(crate) fn is_yaml_1_2(bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        yaml::is_well_formed(text.trim_start_matches('\u{feff}'))
    }
}

/// A position in MANIFEST as the location of a finding.
fn at(position: Position) -> Option<Location> {
    Some(Location::in_file(FILE, position.line, position.column))
}

fn construct(bytes: &[u8], findings: &mut Vec<Finding>) -> Result<Constructed, Fault> {
    let top = Position { line: 1, column: 1 };
    if bytes.len() > BYTES_LIMIT {
        return Err(top.fault(format!("it has {} bytes; the limit is {BYTES_LIMIT}", bytes.len())));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(top.fault("it is UTF-16; save it as UTF-8"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
        end_of(&before).fault(format!("byte 0x{:02x} is not UTF-8; save the file as UTF-8", bytes[error.valid_up_to()]))
    })?;
    // Python opens it as text: it converts all newlines, and PyYAML removes the byte order mark.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if let Some((at, character)) = text.char_indices().find(|(_, character)| !is_printable(*character)) {
        let reason = format!("the character U+{:04X}, which YAML does not allow", u32::from(character));
        return Err(end_of(&text[..at]).fault(reason));
    }
    let is_old_break = |character| matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}');
    if let Some(at) = text.find(is_old_break) {
        let message = "a line separator (U+0085, U+2028 or U+2029) ends the line in YAML 1.1, but not in YAML 1.2";
        let draft = Finding::draft(Rule::ManifestAmbiguous, message).detail("separator");
        let hint = "replace it with a line feed or a space".to_owned();
        findings.push(draft.at(self::at(end_of(&text[..at]))).hint(hint).finish());
    }
    let text = text.replace(is_old_break, "\n");
    let characters: Vec<char> = text.chars().collect();
    let (document, scalars) = yaml::parse(&text, &characters)?;
    strict::check(&characters, &scalars)?;
    construct::document(document)
}

/// PyYAML's table of the characters that a file may contain.
fn is_printable(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The position right after `text`.
fn end_of(text: &str) -> Position {
    let number = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    Position {
        line: number(text.matches('\n').count()),
        column: number(text.chars().rev().take_while(|c| *c != '\n').count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "type: aa\nname: Mine\nversion: \"1.0\"\ndescription: d\nentry_point: main.py\n";

    /// Rule, line, column and message of each finding.
    fn read(text: &[u8]) -> Vec<(Rule, u32, u32, String)> {
        let (_, findings) = Manifest::read(text, Platform::newest());
        let shown = |finding: Finding| {
            let location = finding.location.expect("MANIFEST findings have a location");
            assert_eq!(location.file, FILE);
            (finding.rule, location.line, location.column, finding.message)
        };
        findings.into_iter().map(shown).collect()
    }

    fn unreadable(text: &[u8]) -> (u32, u32, String) {
        let found = read(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, Rule::ManifestUnreadable);
        (found[0].1, found[0].2, found[0].3.clone())
    }

    #[test]
    fn what_is_not_a_mapping_in_utf_8_is_unreadable_at_its_position() {
        assert!(unreadable(b"").2.contains("empty"));
        assert!(unreadable(b"# only a comment\n").2.contains("empty"));
        assert!(unreadable(b"- a\n- b\n").2.contains("a list"));
        assert!(unreadable(b"just text\n").2.contains("the text `just text`"));
        assert_eq!(unreadable(b"api: 1.6\nname: M\xfcller\n").0, 2);
        assert_eq!(unreadable(b"\xff\xfea\0").0, 1);
        assert_eq!(unreadable(b"api: 1.6\nname: a\x01b\n").1, 8);
        assert_eq!(unreadable(b"api: 1.6\nname: [a\n").0, 3);
    }

    #[test]
    fn a_key_that_appears_twice_is_unreadable_at_the_second() {
        let text = format!("api: 1.6\n{HEAD}name: Other\n");
        assert_eq!(unreadable(text.as_bytes()), (7, 1, "`name` appears twice, first in line 3".to_owned()));
    }

    #[test]
    fn tabs_anchors_and_directives_that_only_pyyaml_refuses_are_unreadable() {
        for text in [
            "name:\tMine\n",
            "name: Mine\t\n",
            "name: a\tb\n",
            "a: &x 1\nb: &x 2\n",
            "a: &\u{fc} 1\n",
            "a: [b?c]\n",
            "%YAML 2.0\n---\na: b\n",
            "a: b\n---\na: c\n",
            "a: =\n",
            "a: !own b\n",
            "? [a]\n: b\n",
            "a: 2020-02-31\n",
        ] {
            let (manifest, findings) = Manifest::read(text.as_bytes(), Platform::newest());
            assert!(manifest.is_none(), "{text:?}");
            assert_eq!(findings[0].rule, Rule::ManifestUnreadable, "{text:?}");
        }
        for text in ["# a\tcomment\nname: Mine\n", "name: 'a\tb'\n", "name: |\n  a\tb\n  \tc\n"] {
            assert!(Manifest::read(text.as_bytes(), Platform::newest()).0.is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_billion_laughs_cost_nothing() {
        let mut text = "a0: &a0 {k: v}\n".to_owned();
        for level in 1..60 {
            let below = format!("*a{}", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", ")));
        }
        assert!(Manifest::read(text.as_bytes(), Platform::newest()).0.is_some());
    }
}
