//! The parts that the lines of `expected.jsonl` have in common.

use serde::Serialize;

use crate::{
    finding::{Rule, Severity},
    generate::expect::ExpectedFinding,
};

/// The beginning of every line.
#[derive(Debug, Serialize)]
pub(super) struct Head<'a> {
    /// The path of the file or folder, relative to `expected.jsonl`.
    pub(super) file: String,
    pub(super) kind: &'static str,
    pub(super) number: u64,
    pub(super) valid: bool,
    pub(super) platform: &'a str,
}

/// A finding that a reader or a runtime must report.
#[derive(Debug, Serialize)]
pub(super) struct FindingLine {
    rule: &'static str,
    /// `error` or `warning`; left out if not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hook: Option<&'static str>,
    /// With `line`: where it is; left out if not known. Line 0 is the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

impl FindingLine {
    pub(super) fn of(expected: &[ExpectedFinding]) -> Vec<Self> {
        let line = |one: &ExpectedFinding| Self {
            rule: one.rule.id(),
            level: one.severity.map(|severity| severity.to_string()),
            hook: one.hook.map(|hook| hook.name()),
            file: one.place.as_ref().map(|(file, _)| file.clone()),
            line: one.place.as_ref().map(|(_, line)| *line),
        };
        expected.iter().map(line).collect()
    }
}

/// Whether one of the findings is an error; `None` if a severity is not known.
pub(super) fn has_error<'e>(mut expected: impl Iterator<Item = &'e ExpectedFinding>) -> Option<bool> {
    expected.try_fold(false, |has, one| Some(has | (one.severity? == Severity::Error)))
}

/// The ids of `rules`.
pub(super) fn ids(rules: &[Rule]) -> Vec<&'static str> {
    rules.iter().map(|rule| rule.id()).collect()
}

/// `line` as JSON.
pub(super) fn to_json(line: &impl Serialize) -> String {
    // These types have only text keys, and no serialization of theirs can fail.
    serde_json::to_string(line).unwrap_or_default()
}
