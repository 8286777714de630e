//! MANIFEST files, for another reader of MANIFEST.

use arbitrary::Unstructured;
use serde::Serialize;

use super::{
    Artefact, ArtefactSettings,
    expected::{FindingLine, Head, has_error, ids, to_json},
};
use crate::generate::{
    manifest::{GeneratedField, MANIFEST_BYTES, WantedPlugin, any_manifest},
    source::Source,
};

#[derive(Debug, Serialize)]
struct ManifestLine<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// `None` if no reader can read the file.
    fields: Option<Vec<FieldLine<'a>>>,
    findings: Vec<FindingLine>,
    may_report: Vec<&'static str>,
    input: &'a [&'static str],
}

#[derive(Debug, Serialize)]
struct FieldLine<'a> {
    name: &'a str,
    r#type: &'a str,
    text: Option<&'a str>,
}

impl<'a> FieldLine<'a> {
    fn of(GeneratedField { name, type_name, text }: &'a GeneratedField) -> Self {
        Self { name, r#type: type_name, text: text.as_deref() }
    }
}

/// The MANIFEST that `bytes` make, if it is as valid as wanted.
pub(super) fn manifest(
    settings: &ArtefactSettings,
    number: u64,
    label: &str,
    valid: bool,
    bytes: impl Fn(usize) -> Vec<u8>,
) -> Option<Artefact> {
    let bytes = bytes(MANIFEST_BYTES);
    let wanted = WantedPlugin { plugin_type: settings.plugin_type, platform: Some(settings.platform) };
    let made = any_manifest(&mut Source::new(&mut Unstructured::new(&bytes)), wanted);
    let is_valid = !has_error(made.expect.findings.iter())?;
    // Nothing certain is known of a file that is cut off at a random byte.
    if is_valid != valid || made.fields.as_ref().is_some_and(Vec::is_empty) {
        return None;
    }
    let file = format!("{label}.yaml");
    let line = ManifestLine {
        head: Head { file: file.clone(), kind: settings.kind.name(), number, valid, platform: settings.platform.name },
        fields: made.fields.as_ref().map(|fields| fields.iter().map(FieldLine::of).collect()),
        findings: FindingLine::of(&made.expect.findings),
        may_report: ids(&made.expect.may),
        input: &made.parts,
    };
    let expected = to_json(&line);
    Some(Artefact { files: vec![(file, made.bytes)], expected, valid })
}
