//! Turns bytes into a MANIFEST of which everything is known: what the platform reads in each field, and which findings it
//! must bring, at which lines. The same bytes, the same text; no bytes at all give a plain and valid one.
//!
//! Hunts slips of the MANIFEST reader: a corner of YAML 1.1 that it takes for YAML 1.2, a rule that misses a form of
//! writing, a place that is off by a line behind a block scalar. `values` writes values, `model` judges them by the
//! contract's table, `whole` hurts or dresses the text as a whole.

mod model;
mod values;
mod whole;

use arbitrary::Unstructured;

use super::{
    dice::Dice,
    expect::{Expect, Expected},
};
use crate::{
    contract::Platform,
    finding::{Rule, Severity},
};
use values::{Reading, Written, odd, written_text};
use whole::Whole;

/// How many bytes a numbered MANIFEST is made from.
pub const MANIFEST_BYTES: usize = 256;

const FILE: &str = "MANIFEST";
const ALIAS: &str = "an alias";

/// A MANIFEST and what is known of it.
#[derive(Clone, Debug)]
pub struct ManifestText {
    /// The file.
    pub bytes: Vec<u8>,
    /// The platform that reads it.
    pub platform: &'static Platform,
    /// What must be found.
    pub expect: Expect,
    /// For each field that counts its name, type and text as the platform reads it; `None` where nothing can be read.
    /// Empty where nothing is known of them.
    pub fields: Option<Vec<(String, &'static str, Option<String>)>>,
    /// What was done to it, in words.
    pub parts: Vec<&'static str>,
}

/// What a caller wants of a MANIFEST.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The type of plugin that it must name.
    pub plugin_type: &'a str,
    /// The platform that reads it.
    pub platform: &'static Platform,
}

/// Any MANIFEST: valid, one field off, or odd as a whole.
pub fn manifest(u: &mut Unstructured<'_>) -> ManifestText {
    let mut dice = Dice(u);
    let platform = match dice.below(8) {
        1 => Platform::named("5.10"),
        2 => Platform::named("6.7"),
        _ => None,
    };
    let platform = platform.unwrap_or(Platform::newest());
    let mut fields = ordinary(&mut dice, None, platform);
    let mut parts = Vec::new();
    for _ in 0..[1, 0, 0, 1, 2, 3][dice.below(6)] {
        parts.push(change(&mut dice, &mut fields, platform));
    }
    finish(&mut dice, fields, platform, parts, true)
}

/// A MANIFEST that brings no finding and makes the plugin loadable; written in any way that leaves it so.
pub fn valid_manifest(u: &mut Unstructured<'_>, wanted: Wanted<'_>) -> ManifestText {
    let mut dice = Dice(u);
    let fields = ordinary(&mut dice, Some(wanted.plugin_type), wanted.platform);
    finish(&mut dice, fields, wanted.platform, Vec::new(), false)
}

/// A field before it is written.
#[derive(Clone, Debug)]
struct Field {
    name: String,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    /// Text, to be written in any way.
    Text(String),
    /// Something else: which, is chosen when it is written.
    Odd,
    /// Exactly this.
    Fixed(Written),
}

fn field(name: &str, text: &str) -> Field {
    Field { name: name.to_owned(), value: Value::Text(text.to_owned()) }
}

/// The fields of a valid MANIFEST.
fn ordinary(dice: &mut Dice<'_, '_>, plugin_type: Option<&str>, platform: &Platform) -> Vec<Field> {
    const TYPES: [&str; 4] = ["credentialstore", "aa", "signingca", "configuration_sync"];
    let is_first = platform.is_first();
    let number = |name: &str, text: &'static str| {
        let reading = Reading { type_name: "float", text: Some(text.to_owned()), ..Reading::text(text) };
        Field { name: name.to_owned(), value: Value::Fixed(Written { source: text.to_owned(), reading }) }
    };
    let types = if is_first { &TYPES[..2] } else { &TYPES };
    let api: &[&str] = if is_first { &["1.0"] } else { &["1.0", "1.6", "1.6.7", "1.2"] };
    let version: &[&str] = if is_first { &["1.0", "12.3"] } else { &["1.0", "2.0.0", "1.10", "3", "1.0-rc1"] };
    let mut fields = vec![
        if dice.chance(128) { number("api", "1.0") } else { field("api", dice.word(api)) },
        field("type", plugin_type.unwrap_or_else(|| dice.word(types))),
        field("name", dice.word(&["Mine", "SPS_TPAM", "M2", "aB", "x0_"])),
        if dice.chance(128) { number("version", "1.0") } else { field("version", dice.word(version)) },
        field("description", dice.word(&["text", "it's a: b #c", "ünïcode 😀", "", "two\nlines", "true"])),
        field("entry_point", "main.py"),
    ];
    let more: &[(&str, &[&str])] = &[
        ("author_name", &["Somebody", "on", "", "Ö"]),
        ("author_email", &["a.b@c-d.example", "a@b", "a+b@c.d"]),
        ("scb_min_version", &["5.10", "6.0.1"]),
        ("scb_max_version", &["7.0~", "9.9.9"]),
        ("x-own", &["anything", "1.0"]),
    ];
    for (name, texts) in more {
        if dice.chance(48) {
            let text = dice.word(texts);
            fields.push(field(name, text));
        }
    }
    if dice.chance(48) {
        let at = dice.below(fields.len());
        fields.rotate_left(at);
    }
    fields
}

/// Texts that break a field's form, or just do not.
fn off(dice: &mut Dice<'_, '_>, name: &str) -> Value {
    let texts: &[&str] = match name {
        "api" => {
            &["1.6", "1.7", "1.9", "1.10", "2.0", "0.9", "1", "1.06", "1.9.7", "latest", "", "v1.0", "1.6 ", "1.0.x"]
        }
        "type" => &["AA", "credential-store", "credentialsstore", "signingca", "", "a a", "aa "],
        "name" => &["M", "2Mine", "my-plugin", "Miné", "", " Mine", "Mine ", "A b", "_x", "Mine\n", "Zz"],
        "version" => &["v1", "", "1", "1.0.0", " 1", "1.", "x", "0", "٣.1", "1.0 beta"],
        "description" => &["", " ", "\t", "\u{feff}", "a\n\nb"],
        "entry_point" => &["", "lib/main.py", "..", "main py", "Main-2.0_x.py", "m\u{e4}in.py", ".", "main.py\n"],
        "author_email" => &["nobody", "a@b.", "@b", "a@", "", "a@b@c", "a b@c", "ä@b.de", "a@b\n"],
        _ => &[
            "",
            "x",
            "5.10",
            "a: b",
            "# no comment",
            "- a",
            "[a",
            "{",
            "*a",
            "&a",
            "%",
            "@",
            "`",
            "? a",
            "!x",
            "|",
            ">",
        ],
    };
    Value::Text(dice.word(texts).to_owned())
}

/// Changes one field, or adds one.
fn change(dice: &mut Dice<'_, '_>, fields: &mut Vec<Field>, platform: &Platform) -> &'static str {
    let at = dice.below(fields.len());
    match dice.below(6) {
        1 if fields.len() > 1 => {
            fields.remove(at);
            "a field is absent"
        }
        2 | 3 => {
            fields[at].value = Value::Odd;
            "a field is no text"
        }
        4 => {
            let names = ["author_name", "author_email", "scb_min_version", "x", "7", "description", "äö", "on"];
            let name = dice.word(&names).to_owned();
            if !fields.iter().any(|field| field.name == name) {
                let value = if dice.chance(128) { Value::Odd } else { off(dice, &name) };
                fields.push(Field { name, value });
            }
            "a field is added"
        }
        5 if platform.is_first() => {
            fields.retain(|field| field.name != "entry_point");
            "5.10 knows no entry point"
        }
        _ => {
            fields[at].value = off(dice, &fields[at].name);
            "a field is off"
        }
    }
}

/// Writes the fields, and works out what must be found.
fn finish(
    dice: &mut Dice<'_, '_>,
    fields: Vec<Field>,
    platform: &'static Platform,
    mut parts: Vec<&'static str>,
    may_break: bool,
) -> ManifestText {
    let whole = if may_break { Whole::any(dice) } else { Whole::harmless(dice) };
    let is_flow = whole == Whole::Flow;
    let mut text = whole.head();
    let mut found: Vec<Expected> = Vec::new();
    let mut read: Vec<(String, &'static str, Option<String>)> = Vec::new();
    let merged = if whole == Whole::Merge { dice.below(fields.len()) } else { usize::MAX };
    let twice = if whole == Whole::Duplicate { dice.below(fields.len()) } else { usize::MAX };
    let count = fields.len();
    let mut is_behind_block = false;
    for (index, Field { name, value }) in fields.into_iter().enumerate() {
        let is_merged = index == merged;
        let mut written = match value {
            Value::Text(words) => written_text(dice, &words, is_flow || is_merged),
            Value::Odd => odd(dice, is_flow || is_merged),
            Value::Fixed(written) => written,
        };
        let key = whole::key(&name);
        let mut value_line = line_of(&text);
        let mut key_line = value_line;
        if is_merged {
            text.push_str(&format!("<<: {{{key}: {}}}\n", written.source));
        } else if is_flow {
            let end = if index + 1 == count { "}\n" } else { ",\n  " };
            text.push_str(&format!("{key}: {}{end}", written.source));
        } else {
            // An anchor here and its alias there: the field's value lies where the anchor is.
            let may_be_anchored = !written.source.is_empty() && !written.source.contains(['\n', '#']);
            let is_alias = may_be_anchored && !parts.contains(&ALIAS) && dice.chance(24);
            if is_alias {
                let anchor = if written.source.starts_with(['[', '{']) { "a-1" } else { "A_1" };
                text.push_str(&format!("x-{index}: &{anchor} {}\n", written.source));
                read.push((format!("x-{index}"), written.reading.type_name, written.reading.text.clone()));
                written.source = format!("*{anchor}");
                parts.push(ALIAS);
            }
            if index == twice {
                text.push_str(&format!("{key}: first\n"));
                found.push(Expected::of(Rule::ManifestUnreadable).at(FILE, line_of(&text)).word("stands twice"));
            } else {
                whole.between(dice, &mut text, is_behind_block);
            }
            is_behind_block = written.source.starts_with(['|', '>']);
            key_line = line_of(&text);
            if !is_alias {
                // A block scalar lies where its content begins.
                value_line = key_line + u32::from(is_behind_block);
            }
            text.push_str(&format!("{key}:{}{}\n", whole.gap(&written.source), written.source));
        }
        let reading = written.reading;
        let at = |expected: Expected| expected.at(FILE, value_line);
        let wrong = model::judge(&name, Some(&reading), platform);
        if let Some((rule, severity)) = wrong {
            // What is null is told at its key; empty text, which only 5.10 minds, at the text.
            let is_null = reading.type_name == "NoneType";
            let line = if rule == Rule::ManifestFieldMissing && is_null { key_line } else { value_line };
            found.push(Expected::of(rule).severity(severity).at(FILE, line).word(format!("`{name}")));
        }
        let is_told = wrong.is_some_and(|(rule, _)| rule == Rule::ManifestFieldInvalid);
        let ambiguous = if index == merged && model::KNOWN.contains(&name.as_str()) {
            Some(model::ambiguity(&name))
        } else {
            model::is_ambiguous(&name, &reading)
        };
        if let Some(severity) = ambiguous.filter(|_| !is_told) {
            found.push(at(Expected::of(Rule::ManifestAmbiguous).severity(severity)).word(format!("`{name}")));
        }
        if name != "7" && name != "on" {
            read.push((name, reading.type_name, reading.text));
        }
    }
    absent(&read, platform, &mut found);
    whole.finish(dice, text, found, read, platform, parts)
}

/// What must be found for fields that are not there.
fn absent(read: &[(String, &'static str, Option<String>)], platform: &Platform, found: &mut Vec<Expected>) {
    for name in model::KNOWN {
        if !read.iter().any(|(known, ..)| known == name)
            && let Some((rule, severity)) = model::judge(name, None, platform)
        {
            found.push(Expected::of(rule).severity(severity).at(FILE, 0).word(format!("`{name}` is missing")));
        }
    }
}

fn line_of(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count() + 1).unwrap_or(u32::MAX)
}

/// What stands for the whole where it cannot be read.
fn unreadable() -> Vec<Expected> {
    vec![Expected::of(Rule::ManifestUnreadable).severity(Severity::Error)]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::generate::nth_bytes;

    #[test]
    fn no_bytes_give_a_plain_valid_manifest_and_zeros_the_same() {
        let plain = manifest(&mut Unstructured::new(&[]));
        assert_eq!(plain.expect, Expect::default());
        assert_eq!(plain.bytes, manifest(&mut Unstructured::new(&[0; 300])).bytes);
        let text = String::from_utf8(plain.bytes).unwrap();
        assert_eq!(
            text,
            "api: \"1.6\"\ntype: credentialstore\nname: Mine\nversion: \"1.0\"\ndescription: text\nentry_point: main.py\n"
        );
    }

    #[test]
    fn every_rule_and_every_oddity_turns_up() {
        let (mut rules, mut parts, mut clean) = (HashSet::new(), HashSet::new(), 0);
        for index in 0..4000 {
            let bytes = nth_bytes(1, index, MANIFEST_BYTES);
            let made = manifest(&mut Unstructured::new(&bytes));
            rules.extend(made.expect.findings.iter().map(|expected| (expected.rule, expected.severity)));
            clean += usize::from(made.expect.findings.is_empty());
            parts.extend(made.parts);
        }
        assert_eq!(rules.len(), 7, "{rules:?}");
        assert!(parts.len() >= 5 + Whole::ALL.len(), "{parts:?}");
        assert!((600..3400).contains(&clean), "{clean}");
    }
}
