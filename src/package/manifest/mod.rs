//! The MANIFEST: read as the platform reads it, checked in one pass, every finding at its line and column.
//!
//! The platform's reader is PyYAML's `safe_load`, YAML 1.1; the guide says YAML 1.2. [`yaml`] parses, [`strict`] finds
//! what only PyYAML refuses, [`mod@construct`] and [`scalar`] make the values of both versions, [`fields`] checks them.
//! A property test compares all of it with the SDK's own `Manifest`.

mod api;
mod construct;
mod fields;
mod python;
mod scalar;
mod strict;
mod timestamp;
mod yaml;

use super::note::note;
use crate::{
    contract::{Platform, PluginType},
    finding::{Finding, Rule},
};
use construct::Constructed;
use scalar::Value;
use yaml::{Fault, Place};

/// The file's name in the package.
pub(super) const FILE: &str = "MANIFEST";
/// How many duplicate keys are reported.
const REPORTED_DUPLICATES: usize = 20;

/// What MANIFEST says, as far as it can be read. Values are what Python's `str` makes of what the platform reads.
///
/// ```
/// use hookstorm::{contract::Platform, package::Manifest};
///
/// let text = "api: 1.6\ntype: aa\nname: Mine\nversion: 1.0\ndescription: Mine\nentry_point: main.py\n";
/// let (manifest, findings) = Manifest::read(text.as_bytes(), Platform::newest());
/// assert_eq!(manifest.unwrap().version.as_deref(), Some("1.0"));
/// assert!(findings.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// `api`.
    pub api: Option<String>,
    /// `type`, where it is one that the platform knows.
    pub plugin_type: Option<PluginType>,
    /// `name`.
    pub name: Option<String>,
    /// `version`.
    pub version: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `entry_point`; `None` on platform 5.10, which does not know it.
    pub entry_point: Option<String>,
    /// `author_name`.
    pub author_name: Option<String>,
    /// `author_email`.
    pub author_email: Option<String>,
    /// `scb_min_version`.
    pub scb_min_version: Option<String>,
    /// `scb_max_version`.
    pub scb_max_version: Option<String>,
    /// Every field whose name is text, known or not.
    pub fields: Vec<ManifestField>,
}

/// One field of a MANIFEST.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestField {
    /// Its name.
    pub name: String,
    /// Python's name of the type that the platform reads: `str`, `float`, `bool`, `NoneType`, `dict`.
    pub type_name: &'static str,
    /// What Python's `str` makes of the value; `None` for lists, dicts, sets and bytes.
    pub text: Option<String>,
    /// The line of the value, from 1.
    pub line: u32,
    /// The column of the value in characters, from 1.
    pub column: u32,
}

impl Manifest {
    /// Reads and checks the file's bytes as `platform` does. `None` where nothing can be read; a MANIFEST with a
    /// duplicate key is reported and read, the last one counting.
    pub fn read(bytes: &[u8], platform: &Platform) -> (Option<Self>, Vec<Finding>) {
        let mut findings = Vec::new();
        let constructed = match construct(bytes, &mut findings) {
            Ok(constructed) => constructed,
            Err(fault) => {
                let text = format!("MANIFEST cannot be read: {}", fault.reason);
                findings.push(note(Rule::ManifestUnreadable, "", text).at(FILE, fault.line, fault.column, "").into());
                return (None, findings);
            }
        };
        for duplicate in constructed.duplicates.iter().take(REPORTED_DUPLICATES) {
            let text = format!("`{}` stands twice, first in line {}", duplicate.key, duplicate.first.line);
            findings.push(
                note(Rule::ManifestUnreadable, "", text)
                    .at(FILE, duplicate.second.line, duplicate.second.column, &duplicate.key)
                    .hint("YAML forbids it, and the platform takes the last one without a word; remove one")
                    .into(),
            );
        }
        let manifest = fields::check(&constructed, platform, &mut findings);
        (Some(manifest), findings)
    }

    /// Whether the bytes are YAML 1.2 at all, whatever they say: where PyYAML takes what this refuses, we are strict on
    /// purpose \[G\].
    pub fn is_yaml_1_2(bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        yaml::is_well_formed(text.trim_start_matches('\u{feff}'))
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&ManifestField> {
        self.fields.iter().rfind(|field| field.name == name)
    }
}

fn construct(bytes: &[u8], findings: &mut Vec<Finding>) -> Result<Constructed, Fault> {
    let top = Place { line: 1, column: 1 };
    if bytes.len() > yaml::BYTES {
        return Err(top.fault(format!("it has {} bytes, and {} are more than enough", bytes.len(), yaml::BYTES)));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(top.fault("it is UTF-16, and must be UTF-8; save it as UTF-8"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
        end_of(&before).fault(format!("byte 0x{:02x} is not UTF-8; save the file as UTF-8", bytes[error.valid_up_to()]))
    })?;
    // Python opens it as text: universal newlines, and the byte order mark stays for PyYAML to drop.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if let Some((at, character)) = text.char_indices().find(|(_, character)| !is_printable(*character)) {
        let place = end_of(&text[..at]);
        return Err(place.fault(format!("the character U+{:04X}, which YAML does not allow", u32::from(character))));
    }
    let is_old_break = |character| matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}');
    if let Some(at) = text.find(is_old_break) {
        let place = end_of(&text[..at]);
        let message = "a line separator (U+0085, U+2028 or U+2029) ends the line in YAML 1.1 and not in YAML 1.2";
        findings.push(
            note(Rule::ManifestAmbiguous, "", message.to_owned())
                .at(FILE, place.line, place.column, "separator")
                .hint("replace it by an ordinary line break, or by a space")
                .into(),
        );
    }
    construct::document(yaml::parse(&text.replace(is_old_break, "\n"))?)
}

/// PyYAML's table of what a file may hold.
fn is_printable(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The place right behind `text`.
fn end_of(text: &str) -> Place {
    let number = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    Place {
        line: number(text.matches('\n').count()),
        column: number(text.chars().rev().take_while(|c| *c != '\n').count()),
    }
}

/// `value` as text, where it is text.
fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
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
            let location = finding.location.expect("MANIFEST findings have a place");
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
    fn what_is_no_mapping_in_utf_8_is_unreadable_at_its_place() {
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
    fn a_key_that_stands_twice_is_unreadable_at_the_second() {
        let text = format!("api: 1.6\n{HEAD}name: Other\n");
        assert_eq!(unreadable(text.as_bytes()), (7, 1, "`name` stands twice, first in line 3".to_owned()));
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
