//! [`Report`]: what a command did and found.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use super::{
    CaseOutcome, CaseResult, FindingEntry, FuzzResult, HistoryPoint, LineCoverage, MinimizedCase, ObservedSession,
    Rerun, SandboxStatus,
};
use crate::{finding::Severity, load::Measured};

/// The report of a command.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "hookstorm report")]
pub struct Report {
    /// The version of hookstorm.
    pub hookstorm: String,
    /// The command: check, run, test, fuzz, replay, load or minimize.
    pub command: String,
    /// How the command ended.
    pub status: Status,
    /// The plugin.
    pub plugin: PluginInfo,
    /// The user's own options, to run the command again.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub again: Rerun,
    /// The platform that was simulated.
    pub platform: String,
    /// The embedded CPython; null if it was not started.
    pub python: Option<String>,
    /// The Plugin SDK that the plugin imported; absent if it imported none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdk: Option<String>,
    /// The seed; null for commands that need none.
    pub seed: Option<u64>,
    /// How the plugin was sandboxed; absent if it was not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxStatus>,
    /// Sessions that ran.
    #[serde(default)]
    #[schemars(!default)]
    pub sessions: u64,
    /// Calls that ran.
    #[serde(default)]
    #[schemars(!default)]
    pub calls: u64,
    /// How long it took.
    #[serde(default)]
    #[schemars(!default)]
    pub elapsed_seconds: f64,
    /// Calls that ran, for each second that it took.
    #[serde(default)]
    #[schemars(!default)]
    pub calls_per_second: f64,
    /// Which lines of the plugin's files ran.
    #[serde(default)]
    #[schemars(!default)]
    pub coverage: LineCoverage,
    /// The findings; those that replayed cases newly show come last.
    pub findings: Vec<FindingEntry>,
    /// Why few findings prove little: no session was accepted, for example. Absent if nothing limits what they prove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cautions: Vec<String>,
    /// What the user should know besides findings.
    #[serde(default)]
    #[schemars(!default)]
    pub notes: Vec<String>,
    /// `test`, `fuzz` and `load`: the plugin's hooks that were called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<String>,
    /// Ids of the rules that were checked: any other rule may be broken all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// `test`, `fuzz` and `replay`: how the run progressed, at most 120 points, the end last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryPoint>,
    /// `run`: what was observed of each call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<ObservedSession>,
    /// `replay`: the outcome of each case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cases: Option<Vec<CaseResult>>,
    /// `minimize`: what happened to each case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimized: Option<Vec<MinimizedCase>>,
    /// `fuzz`: what it reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuzz: Option<FuzzResult>,
    /// `load`: what was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<Measured>,
    /// How many sessions the user asked for.
    #[serde(skip)]
    pub(crate) planned: Option<u64>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It ran to its end and found no error but those in the baseline; there may be warnings. Exit status 0.
    #[default]
    Ok,
    /// It ran to its end and found at least one new error. Exit status 1.
    Findings,
    /// It was stopped before its end; `findings` has what was found so far. Exit status 1 if a new error is among them,
    /// otherwise 0.
    Interrupted,
}

/// The plugin that was run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PluginInfo {
    /// The name in MANIFEST, or the file's name if MANIFEST has none.
    pub name: String,
    /// The type in MANIFEST; null if it is not known.
    pub r#type: Option<String>,
    /// The version in MANIFEST; null if there is none.
    pub version: Option<String>,
    /// The plugin as it was given on the command line.
    pub path: String,
}

/// Why a text is not a report.
#[derive(Debug, Error)]
#[error("line {line}: {problem}")]
pub struct ReportError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// What is wrong, without the place.
pub(in crate::report) fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or(&message).to_owned()
}

/// The value, or the default if there is `null`: another version may say so that it knows none.
fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Report {
    /// The report of a command that has done nothing yet.
    pub fn new(command: &str) -> Self {
        Self { hookstorm: env!("CARGO_PKG_VERSION").to_owned(), command: command.to_owned(), ..Self::default() }
    }

    /// Reads what `--format json` wrote, in this version or another one.
    ///
    /// # Errors
    /// [`ReportError`] if `text` is not JSON, or lacks what every report has.
    pub fn parse(text: &str) -> Result<Self, ReportError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if !text.trim_start().starts_with('{') {
            return Err(ReportError { line: 1, problem: "it is no JSON object".to_owned() });
        }
        serde_json::from_str(text)
            .map_err(|error| ReportError { line: error.line().max(1), problem: without_place(&error) })
    }

    /// As JSON, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("every part of a report has a form in JSON");
        text + "\n"
    }

    /// Whether the run fails: by a new error, a case that still breaks or cannot be run, a missed objective or a
    /// regression.
    pub fn is_failure(&self) -> bool {
        let is_new_error = |one: &FindingEntry| one.severity == Severity::Error && !one.known;
        self.findings.iter().any(is_new_error)
            || self.replayed().iter().any(CaseResult::is_failure)
            || self.load.as_ref().is_some_and(Measured::is_failure)
    }

    /// All findings, and those of replayed cases that are still there.
    pub(crate) fn all_findings(&self) -> Vec<FindingEntry> {
        let still = self.replayed().iter().filter(|case| case.outcome == CaseOutcome::StillThere);
        let still = still.filter_map(|case| {
            let rule = case.rule.clone()?;
            let message = case.message.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| rule.clone());
            let severity = case.severity.unwrap_or(Severity::Warning);
            Some(FindingEntry {
                case: Some(case.path.clone()),
                known: case.known,
                again: case.again.clone(),
                ..FindingEntry::bare(rule, severity, message, case.fingerprint.clone()?)
            })
        });
        self.findings.iter().cloned().chain(still).collect()
    }

    /// The cases of `replay`.
    pub(crate) fn replayed(&self) -> &[CaseResult] {
        self.cases.as_deref().unwrap_or_default()
    }

    /// Findings that are not of a replayed case.
    pub(crate) fn findings_of_no_case(&self) -> impl Iterator<Item = &FindingEntry> {
        let paths: BTreeSet<&str> = self.replayed().iter().map(|case| case.path.as_str()).collect();
        self.findings.iter().filter(move |one| one.case.as_deref().is_none_or(|path| !paths.contains(path)))
    }

    /// What a replayed case shows now, if that is not what it once showed.
    pub(crate) fn findings_of<'a>(&'a self, case: &'a CaseResult) -> impl Iterator<Item = &'a FindingEntry> {
        self.findings.iter().filter(move |one| one.case.as_ref() == Some(&case.path))
    }

    /// Whether some findings were known beforehand.
    pub(crate) fn has_baseline(&self) -> bool {
        self.again.baseline.is_some()
            || self.findings.iter().any(|one| one.known)
            || self.replayed().iter().any(|case| case.known)
    }

    /// The command that does the same again, to be pasted into a shell.
    pub(crate) fn command_line(&self) -> String {
        self.again.whole(&self.command, &self.plugin.path, self.seed)
    }
}
