//! A finding in the report for machines.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    campaign::Reported,
    finding::{Finding, Location, Severity},
    runtime::Frame,
};

#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::report) struct FindingJson {
    /// The id of the rule.
    rule: &'static str,
    severity: SeverityJson,
    /// The hook; null for what concerns none.
    hook: Option<&'static str>,
    message: String,
    /// What to do, where more can be said than `hookstorm explain` says.
    hint: Option<String>,
    location: Option<LocationJson>,
    /// Twelve hexadecimal digits; the same defect has the same ones the next time.
    fingerprint: String,
    /// How many sessions showed it.
    occurrences: u64,
    /// Whether it needs a cookie that the plugin never returned.
    foreign_cookie: bool,
    /// Whether every ordinary session shows it: most likely the plugin wants configuration.
    every_session: bool,
    /// Findings with the same number have one cause; the first of them stands for it.
    group: usize,
    /// The file of the smallest case; null for package and loading rules.
    case: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SeverityJson {
    Error,
    Warning,
}

impl From<Severity> for SeverityJson {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warning,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LocationJson {
    /// The path inside the package.
    file: String,
    /// From 1; null where the file as a whole is meant.
    line: Option<u32>,
    /// In characters, from 1; null where it is not known.
    column: Option<u32>,
    /// Null where there is none.
    function: Option<String>,
}

impl FindingJson {
    pub(in crate::report) fn of(finding: &Finding, group: usize, case: Option<&str>) -> Self {
        Self {
            rule: finding.rule.id(),
            severity: finding.severity.into(),
            hook: finding.hook.map(|hook| hook.name()),
            message: finding.message.clone(),
            hint: finding.hint.clone(),
            location: finding.location.as_ref().map(LocationJson::of),
            fingerprint: finding.fingerprint.to_string(),
            occurrences: 1,
            foreign_cookie: finding.foreign_cookie,
            every_session: false,
            group,
            case: case.map(str::to_owned),
        }
    }

    pub(in crate::report) fn new(reported: &Reported) -> Self {
        let case = reported.case_path.as_ref().map(|path| path.to_string_lossy().into_owned());
        Self {
            occurrences: reported.occurrences,
            every_session: reported.every_session,
            ..Self::of(&reported.finding, reported.group, case.as_deref())
        }
    }
}

impl LocationJson {
    pub(super) fn of(location: &Location) -> Self {
        let known = |number: u32| (number > 0).then_some(number);
        Self {
            file: location.file.clone(),
            line: known(location.line),
            column: known(location.column),
            function: Some(location.function.clone()).filter(|function| !function.is_empty()),
        }
    }

    pub(super) fn of_frame(frame: &Frame) -> Self {
        Self { file: frame.file.clone(), line: Some(frame.line), column: None, function: Some(frame.function.clone()) }
    }
}
