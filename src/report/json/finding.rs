//! A finding in the report for machines.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    seen::CallJson,
    source::{LineJson, around},
};
use crate::{
    engine::ReportedFinding,
    finding::{Baseline, Finding, Location, Rule, Severity},
    report::{Again, Mask, Source},
    trace::{Frame, Origin},
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
    /// Whether it is in the baseline, so that it fails no run.
    known: bool,
    /// The command that shows it again, to be pasted into a shell; null where there is no case.
    again: Option<String>,
    /// The options without which it does not show, on top of the configuration in use; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    options: Vec<OptionJson>,
    /// Lines of source around the place; absent where it is in no file of the plugin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    source: Vec<LineJson>,
    /// The call of the smallest case that shows it, as it was seen; null where there is none. Secrets are `***`, and long
    /// texts are cut: the case holds all.
    #[schemars(default)]
    call: Option<CallJson>,
}

/// An option of the configuration.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OptionJson {
    section: String,
    name: String,
    /// `***` for a secret.
    value: String,
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
    /// Whether the file is the plugin's own, and no library's.
    in_plugin: bool,
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
            options: Vec::new(),
            known: false,
            again: None,
            source: Vec::new(),
            call: None,
        }
    }

    pub(in crate::report) fn new(reported: &ReportedFinding, mask: &Mask) -> Self {
        let options = reported.case.iter().flat_map(|case| &case.session.options);
        let options = options.map(|option| OptionJson {
            section: option.section.clone(),
            name: option.name.clone(),
            value: mask.option(option),
        });
        let call = reported.case.as_ref().zip(reported.call.as_ref()).map(|(case, call)| {
            let mask = mask.clone().with_session(&case.session, std::slice::from_ref(call));
            CallJson::new(call, &case.session, &mask).shortened()
        });
        let case = reported.case_path.as_ref().map(|path| path.to_string_lossy().into_owned());
        Self {
            occurrences: reported.occurrences,
            every_session: reported.every_session,
            options: options.collect(),
            call,
            ..Self::of(&reported.finding, reported.group, case.as_deref())
        }
    }

    /// With what the run knows of it: how to see it again, whether it is in the baseline, whose file its place is in.
    pub(super) fn known_to(mut self, again: &Again, baseline: &Baseline, source: Source<'_>, mask: &Mask) -> Self {
        self.known = baseline.holds(&self.fingerprint);
        self.again = self.case.as_deref().map(|case| again.case(Path::new(case), Rule::named(self.rule)));
        if let Some(place) = &mut self.location {
            // MANIFEST is the plugin's own even where it is missing.
            place.in_plugin = place.line.is_none_or(|line| source(&place.file, line).is_some());
            self.source = around(&place.file, place.line.unwrap_or(0), source, mask);
        }
        self
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
            in_plugin: true,
        }
    }

    pub(super) fn of_frame(frame: &Frame) -> Self {
        Self {
            file: frame.file.clone(),
            line: Some(frame.line),
            column: None,
            function: Some(frame.function.clone()),
            in_plugin: frame.origin == Origin::Plugin,
        }
    }
}
