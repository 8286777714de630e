//! Writes the fields of a MANIFEST, and works out what is expected of its readers.

use std::collections::HashMap;

use arbitrary::Unstructured;

use super::{
    contract_table,
    fields::{self, Field, FieldValue},
    file_anomaly::{FileAnomaly, key},
    values::{not_text, written_text},
};
use crate::{
    contract::{Platform, PluginType},
    finding::{Rule, Severity},
    generate::{
        expect::{ExpectedFinding, ExpectedFindings},
        source::Source,
    },
};

/// How many bytes a numbered MANIFEST is made from.
pub(crate) const MANIFEST_BYTES: usize = 256;

pub(super) const FILE: &str = "MANIFEST";
const ALIAS: &str = "an alias";

/// A field as the platform reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GeneratedField {
    /// Its name.
    pub(crate) name: String,
    /// Python's name of its type.
    pub(crate) type_name: &'static str,
    /// Its value as Python's `str` shows it; `None` for a list, a dict and other values without a short form.
    pub(crate) text: Option<String>,
}

impl GeneratedField {
    pub(super) fn new(name: impl Into<String>, type_name: &'static str, text: Option<String>) -> Self {
        Self { name: name.into(), type_name, text }
    }
}

/// A MANIFEST and what is expected of its readers.
#[derive(Clone, Debug)]
pub(crate) struct GeneratedManifest {
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// The platform that reads it.
    pub(crate) platform: &'static Platform,
    /// The findings that a reader must report.
    pub(crate) expect: ExpectedFindings,
    /// The fields as the platform reads them; `None` if nobody can read the file. Empty if the fields are not known.
    pub(crate) fields: Option<Vec<GeneratedField>>,
    /// What is special about it, in words.
    pub(crate) parts: Vec<&'static str>,
}

/// What a caller wants of a MANIFEST or a package; `None` for any.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::generate) struct WantedPlugin {
    /// The type of plugin.
    pub(in crate::generate) plugin_type: Option<PluginType>,
    /// The platform.
    pub(in crate::generate) platform: Option<&'static Platform>,
}

/// Any platform, mostly the newest.
pub(in crate::generate) fn any_platform(source: &mut Source<'_, '_>) -> &'static Platform {
    let platform = match source.below(8) {
        1 => Platform::named("5.10"),
        2 => Platform::named("6.7"),
        _ => None,
    };
    platform.unwrap_or(Platform::newest())
}

/// Any MANIFEST: valid, with unusual fields, or unusual as a whole.
pub(crate) fn manifest(u: &mut Unstructured<'_>) -> GeneratedManifest {
    any_manifest(&mut Source::new(u), WantedPlugin::default())
}

/// As [`manifest`], from a source and with fewer choices.
pub(in crate::generate) fn any_manifest(source: &mut Source<'_, '_>, wanted: WantedPlugin) -> GeneratedManifest {
    let any = any_platform(source);
    let platform = wanted.platform.unwrap_or(any);
    let mut fields = fields::nominal(source, wanted.plugin_type, platform);
    let mut parts = Vec::new();
    for _ in 0..[1, 0, 0, 1, 2, 3][source.below(6)] {
        parts.push(fields::change(source, &mut fields, platform, wanted.plugin_type.is_some()));
    }
    finish(source, fields, platform, parts, true)
}

/// A MANIFEST without findings that lets the plugin load, written in any way that has these properties.
pub(in crate::generate) fn valid_manifest(
    source: &mut Source<'_, '_>,
    plugin_type: PluginType,
    platform: &'static Platform,
) -> GeneratedManifest {
    let fields = fields::nominal(source, Some(plugin_type), platform);
    finish(source, fields, platform, Vec::new(), false)
}

/// Writes `fields`, and works out the expected findings.
fn finish(
    source: &mut Source<'_, '_>,
    fields: Vec<Field>,
    platform: &'static Platform,
    mut parts: Vec<&'static str>,
    may_break: bool,
) -> GeneratedManifest {
    let anomaly = if may_break { FileAnomaly::any(source) } else { FileAnomaly::harmless(source) };
    let is_flow = anomaly == FileAnomaly::Flow;
    let mut text = anomaly.head();
    let mut found: Vec<ExpectedFinding> = Vec::new();
    let mut read: Vec<GeneratedField> = Vec::new();
    let merged = if anomaly == FileAnomaly::Merge { source.below(fields.len()) } else { usize::MAX };
    let twice = if anomaly == FileAnomaly::Duplicate { source.below(fields.len()) } else { usize::MAX };
    let count = fields.len();
    let mut is_behind_block = false;
    let mut lines: HashMap<String, u32> = HashMap::new();
    for (index, Field { name, value }) in fields.into_iter().enumerate() {
        let is_merged = index == merged;
        let mut written = match value {
            FieldValue::Text(text) => written_text(source, &text, is_flow || is_merged),
            FieldValue::NoText => not_text(source, is_flow || is_merged),
            FieldValue::Fixed(written) => written,
        };
        let key = key(&name);
        let mut value_line = line_of(&text);
        let mut key_line = value_line;
        if is_merged {
            text.push_str(&format!("<<: {{{key}: {}}}\n", written.yaml));
        } else if is_flow {
            let end = if index + 1 == count { "}\n" } else { ",\n  " };
            text.push_str(&format!("{key}: {}{end}", written.yaml));
        } else {
            // With an alias, the field's value is where the anchor is.
            let may_be_anchored = !written.yaml.is_empty() && !written.yaml.contains(['\n', '#']);
            let is_alias = may_be_anchored && !parts.contains(&ALIAS) && source.chance(24);
            if is_alias {
                let anchor = if written.yaml.starts_with(['[', '{']) { "a-1" } else { "A_1" };
                text.push_str(&format!("x-{index}: &{anchor} {}\n", written.yaml));
                let anchored = format!("x-{index}");
                let wrong = contract_table::judge(&name, Some(&written.reading), platform);
                // An invalid field is at the same place, and its finding says how YAML reads it.
                let is_reported = wrong.is_some_and(|(rule, _)| rule == Rule::ManifestFieldInvalid);
                let ambiguous = contract_table::ambiguity_of(&anchored, &written.reading);
                if let Some(severity) = ambiguous.filter(|_| !is_reported) {
                    let expected = ExpectedFinding::of(Rule::ManifestAmbiguous).severity(severity);
                    found.push(expected.at(FILE, line_of(&text) - 1).word(format!("`{anchored}")));
                }
                read.push(GeneratedField::new(
                    format!("x-{index}"),
                    written.reading.type_name,
                    written.reading.text.clone(),
                ));
                written.yaml = format!("*{anchor}");
                parts.push(ALIAS);
            }
            if index == twice {
                text.push_str(&format!("{key}: first\n"));
                found
                    .push(ExpectedFinding::of(Rule::ManifestUnreadable).at(FILE, line_of(&text)).word("appears twice"));
            } else {
                anomaly.between(source, &mut text, is_behind_block);
            }
            is_behind_block = written.yaml.starts_with(['|', '>']);
            key_line = line_of(&text);
            if !is_alias {
                // The position of a block scalar is where its content begins.
                value_line = key_line + u32::from(is_behind_block);
            }
            text.push_str(&format!("{key}:{}{}\n", anomaly.gap(&written.yaml), written.yaml));
        }
        let reading = written.reading;
        let at = |expected: ExpectedFinding| expected.at(FILE, value_line);
        let wrong = contract_table::judge(&name, Some(&reading), platform);
        if let Some((rule, severity)) = wrong {
            // A finding about null is at the key. A finding about an empty text, which only 5.10 refuses, is at the
            // text.
            let is_null = reading.type_name == "NoneType";
            let line = if rule == Rule::ManifestFieldMissing && is_null { key_line } else { value_line };
            found.push(ExpectedFinding::of(rule).severity(severity).at(FILE, line).word(format!("`{name}")));
        }
        let is_reported = wrong.is_some_and(|(rule, _)| rule == Rule::ManifestFieldInvalid);
        // YAML reads these keys as a number and a bool.
        let is_text = name != "7" && name != "on";
        let ambiguous = if !is_text {
            None
        } else if index == merged {
            Some(contract_table::ambiguity(&name))
        } else {
            contract_table::ambiguity_of(&name, &reading)
        };
        if let Some(severity) = ambiguous.filter(|_| !is_reported) {
            found.push(at(ExpectedFinding::of(Rule::ManifestAmbiguous).severity(severity)).word(format!("`{name}")));
        }
        if is_text {
            lines.insert(name.clone(), value_line);
            read.push(GeneratedField::new(name, reading.type_name, reading.text));
        }
    }
    absent(&read, platform, &mut found);
    range(&read, &lines, platform, &mut found);
    anomaly.finish(source, text, found, read, platform, parts)
}

/// Adds the expected findings for absent fields.
fn absent(read: &[GeneratedField], platform: &Platform, found: &mut Vec<ExpectedFinding>) {
    for name in contract_table::KNOWN {
        if !read.iter().any(|field| field.name == *name)
            && let Some((rule, severity)) = contract_table::judge(name, None, platform)
        {
            found.push(ExpectedFinding::of(rule).severity(severity).at(FILE, 0).word(format!("`{name}` is missing")));
        }
    }
}

/// Adds the expected finding for a range of platforms that is empty or leaves `platform` out.
fn range(read: &[GeneratedField], lines: &HashMap<String, u32>, platform: &Platform, found: &mut Vec<ExpectedFinding>) {
    let text = |name: &str| read.iter().rfind(|field| field.name == name)?.text.as_deref();
    let (min, max) = (text("scb_min_version"), text("scb_max_version"));
    let Some(severity) = contract_table::judge_range(min, max, platform) else { return };
    let expected = ExpectedFinding::of(Rule::PlatformExcluded).severity(severity);
    // One end alone is at fault, unless the range is empty.
    let at_min = severity == Severity::Warning && contract_table::judge_range(min, None, platform).is_some();
    let name = if at_min { "scb_min_version" } else { "scb_max_version" };
    found.push(expected.at(FILE, lines.get(name).copied().unwrap_or_default()).word(name));
}

/// The number of the line that comes next in `text`.
pub(super) fn line_of(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count() + 1).unwrap_or(u32::MAX)
}

/// The expected findings of a file that no reader can read.
pub(super) fn unreadable() -> Vec<ExpectedFinding> {
    vec![ExpectedFinding::of(Rule::ManifestUnreadable).severity(Severity::Error)]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::generate::nth_bytes;

    #[test]
    fn no_bytes_give_a_plain_valid_manifest_and_zeros_the_same() {
        let plain = manifest(&mut Unstructured::new(&[]));
        assert_eq!(plain.expect, ExpectedFindings::default());
        assert_eq!(plain.bytes, manifest(&mut Unstructured::new(&[0; 300])).bytes);
        let text = String::from_utf8(plain.bytes).unwrap();
        assert_eq!(
            text,
            "api: \"1.6\"\ntype: credentialstore\nname: Mine\nversion: \"1.0\"\ndescription: text\nentry_point: main.py\n"
        );
    }

    #[test]
    fn every_rule_and_every_anomaly_turns_up() {
        let (mut rules, mut parts, mut clean) = (HashSet::new(), HashSet::new(), 0);
        for index in 0..4000 {
            let bytes = nth_bytes(1, index, MANIFEST_BYTES);
            let made = manifest(&mut Unstructured::new(&bytes));
            rules.extend(made.expect.findings.iter().map(|expected| (expected.rule, expected.severity)));
            clean += usize::from(made.expect.findings.is_empty());
            parts.extend(made.parts);
        }
        assert_eq!(rules.len(), 9, "{rules:?}");
        assert!(parts.len() >= 5 + FileAnomaly::ALL.len(), "{parts:?}");
        assert!((600..3400).contains(&clean), "{clean}");
    }
}
