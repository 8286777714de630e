//! Compares the MANIFEST reader with what its input must give, and with the SDK's reader if that is installed.

use std::io;

use arbitrary::Unstructured;

use super::{Difference, sdk::Sdk};
use crate::{
    finding::{Finding, Rule, Severity},
    generate::manifest::{self, GeneratedField, GeneratedManifest},
    package::Manifest,
};

/// The difference of the MANIFEST that `bytes` make. Pure, except for the SDK's process: an error if that ended.
pub(super) fn compare(bytes: &[u8], sdk: Option<&mut Sdk>) -> io::Result<Option<Difference>> {
    let made = manifest::manifest(&mut Unstructured::new(bytes));
    let (manifest, findings) = Manifest::read(&made.bytes, made.platform);
    let problem = reading_problem(&made, manifest.as_ref(), &findings);
    let problem = match (problem, sdk) {
        (None, Some(sdk)) => sdk.difference(&made, manifest.as_ref(), &findings)?,
        (problem, _) => problem,
    };
    Ok(problem.map(|problem| Difference {
        cause: cause_of(&problem),
        problem,
        number: 0,
        bytes: bytes.to_vec(),
        parts: made.parts.iter().map(|part| (*part).to_owned()).collect(),
        platform: made.platform,
        files: vec![("MANIFEST".to_owned(), made.bytes)],
        path: None,
    }))
}

/// The same text for problems of one cause: their first line without quoted text and digits.
pub(super) fn cause_of(problem: &str) -> String {
    let line = problem.lines().next().unwrap_or_default();
    let outside = line.split('`').step_by(2).collect::<Vec<_>>().join("…");
    outside.chars().filter(|character| !character.is_ascii_digit()).take(160).collect()
}

/// How the reader's result differs from the expected one; `None` if it does not.
pub(super) fn reading_problem(
    made: &GeneratedManifest,
    manifest: Option<&Manifest>,
    findings: &[Finding],
) -> Option<String> {
    if let Some(finding) = findings.iter().find(|finding| !is_placed(finding, &made.bytes)) {
        return Some(format!("a finding at no line of the file: {} {:?}", finding.rule, finding.location));
    }
    if let Some(difference) = made.expect.difference(findings) {
        return Some(difference);
    }
    match (&made.fields, manifest) {
        (None, Some(_)) => Some("the file was read, although no reader can".to_owned()),
        (Some(fields), None) => (!fields.is_empty()).then(|| "the file was not read".to_owned()),
        (None, None) => None,
        (Some(fields), Some(manifest)) => fields.iter().find_map(|GeneratedField { name, type_name, text }| {
            let Some(read) = manifest.field(name) else { return Some(format!("field `{name}` was not read")) };
            let differs = read.type_name != *type_name || read.text != *text;
            differs.then(|| {
                format!("field `{name}` is {type_name} {text:?}, but was read as {} {:?}", read.type_name, read.text)
            })
        }),
    }
}

/// Whether a finding is at a line of the file; 0 means the whole file.
pub(super) fn is_placed(finding: &Finding, bytes: &[u8]) -> bool {
    let breaks = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r' | 0x85 | 0xa8 | 0xa9)).count();
    finding
        .location
        .as_ref()
        .is_some_and(|at| at.file == "MANIFEST" && usize::try_from(at.line).is_ok_and(|line| line <= breaks + 2))
}

/// Whether the SDK's compatible and strict modes should accept a MANIFEST with these findings.
pub(super) fn verdict(findings: &[Finding]) -> (bool, bool) {
    let is_refusal = |finding: &&Finding| {
        matches!(finding.rule, Rule::ManifestUnreadable | Rule::ManifestFieldMissing | Rule::ManifestFieldInvalid)
    };
    let compatible = !findings.iter().filter(is_refusal).any(|finding| finding.severity == Severity::Error);
    let strict = compatible && !findings.iter().any(|finding| finding.rule == Rule::ManifestFieldMissing);
    (compatible, strict)
}
