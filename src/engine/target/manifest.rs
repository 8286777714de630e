//! Holds the MANIFEST reader against what the generator built, and against the SDK's own reader where that is at hand.

use arbitrary::Unstructured;

use super::{Difference, sdk::Sdk};
use crate::{
    finding::{Finding, Rule, Severity},
    generate::manifest::{self, ManifestText},
    package::Manifest,
};

/// What reading the MANIFEST made of `bytes` shows. Pure but for the SDK's process.
pub(super) fn compare(bytes: &[u8], sdk: Option<&mut Sdk>) -> Option<Difference> {
    let made = manifest::manifest(&mut Unstructured::new(bytes));
    let (manifest, findings) = Manifest::read(&made.bytes, made.platform);
    let problem = against_generator(&made, manifest.as_ref(), &findings);
    let problem = problem.or_else(|| sdk.and_then(|sdk| sdk.difference(&made, manifest.as_ref(), &findings)));
    problem.map(|problem| Difference {
        kind: kind_of(&problem),
        problem,
        bytes: bytes.to_vec(),
        parts: made.parts.iter().map(|part| (*part).to_owned()).collect(),
        platform: made.platform,
        files: vec![("MANIFEST".to_owned(), made.bytes)],
        path: None,
    })
}

/// What two differences of one cause share: the words of their first line without what stands in quotes.
pub(super) fn kind_of(problem: &str) -> String {
    let line = problem.lines().next().unwrap_or_default();
    let outside = line.split('`').step_by(2).collect::<Vec<_>>().join("…");
    outside.chars().filter(|character| !character.is_ascii_digit()).take(160).collect()
}

/// How the reader differs from what was built; `None` where it does not.
pub fn against_generator(made: &ManifestText, manifest: Option<&Manifest>, findings: &[Finding]) -> Option<String> {
    if let Some(finding) = findings.iter().find(|finding| !is_placed(finding, &made.bytes)) {
        return Some(format!("a finding without a place in the file: {} {:?}", finding.rule, finding.location));
    }
    if let Some(difference) = made.expect.difference(findings) {
        return Some(difference);
    }
    match (&made.fields, manifest) {
        (None, Some(_)) => Some("it was read, and cannot be".to_owned()),
        (Some(fields), None) => (!fields.is_empty()).then(|| "it was not read".to_owned()),
        (None, None) => None,
        (Some(fields), Some(manifest)) => fields.iter().find_map(|(name, type_name, text)| {
            let Some(read) = manifest.field(name) else { return Some(format!("field `{name}` was not read")) };
            let differs = read.type_name != *type_name || read.text != *text;
            differs.then(|| {
                format!(
                    "field `{name}` is {} {:?}, and was read as {} {:?}",
                    type_name, text, read.type_name, read.text
                )
            })
        }),
    }
}

/// Whether a finding lies in the file, at a line that it has; 0 stands for the whole.
pub(super) fn is_placed(finding: &Finding, bytes: &[u8]) -> bool {
    let breaks = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r' | 0x85 | 0xa8 | 0xa9)).count();
    finding
        .location
        .as_ref()
        .is_some_and(|at| at.file == "MANIFEST" && usize::try_from(at.line).is_ok_and(|line| line <= breaks + 2))
}

/// What our findings say in the SDK's terms: whether its compatible and its strict mode take the MANIFEST.
pub(super) fn verdict(findings: &[Finding]) -> (bool, bool) {
    let is_refusal = |finding: &&Finding| {
        matches!(finding.rule, Rule::ManifestUnreadable | Rule::ManifestFieldMissing | Rule::ManifestFieldInvalid)
    };
    let compatible = !findings.iter().filter(is_refusal).any(|finding| finding.severity == Severity::Error);
    let strict = compatible && !findings.iter().any(|finding| finding.rule == Rule::ManifestFieldMissing);
    (compatible, strict)
}
