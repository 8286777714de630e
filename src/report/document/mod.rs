//! A report read back from its JSON. All forms but text and JSON themselves are made of this, and of nothing else: what
//! `hookstorm report` makes of a file is what `--format` makes of a run.
//!
//! Reads what any version wrote: a field that it does not know is passed over, one that came later may be missing, a rule
//! that it does not know stays a name. What is no report at all is refused.

pub(super) mod details;
mod held;
mod learned;
mod text;

use serde::Deserialize;
use thiserror::Error;

pub(super) use details::{Called, FileLines, Line, Output, Point, SetTo};
pub(super) use held::HeldRead;
pub(super) use learned::{Learned, Trace};

use super::{
    Again,
    json::{ReportJson, Status},
    plain,
};
use crate::{
    finding::{Rule, Severity},
    load::Measured,
};

/// A report.
#[derive(Clone, Debug, Deserialize)]
pub struct Document {
    /// The version of hookstorm that wrote it.
    pub hookstorm: String,
    /// The command.
    pub command: String,
    /// How it ended.
    pub status: Status,
    /// The plugin.
    pub plugin: Plugin,
    #[serde(default)]
    again: Options,
    /// The platform that was played.
    pub platform: String,
    /// The embedded CPython.
    pub python: Option<String>,
    /// The seed.
    pub seed: Option<u64>,
    /// What held the plugin; `None` where the report does not tell.
    #[serde(default)]
    pub sandbox: Option<HeldRead>,
    /// Sessions that ran.
    #[serde(default)]
    pub sessions: u64,
    /// Calls that ran.
    #[serde(default)]
    pub calls: u64,
    /// How long it took.
    #[serde(default)]
    pub elapsed_seconds: f64,
    /// Lines of the plugin's own files.
    #[serde(default)]
    pub coverage: Lines,
    /// What was found. What `replay` saw again is not among it: [`Document::told`] has all.
    pub findings: Vec<Told>,
    /// What the user should know beside findings.
    #[serde(default)]
    pub notes: Vec<String>,
    /// How far it was over time, the end the last; empty where the report does not tell.
    #[serde(default)]
    pub history: Vec<Point>,
    /// `test`, `fuzz` and `load`: the plugin's hooks that were called.
    #[serde(default)]
    pub hooks: Vec<String>,
    /// The rules that were looked for.
    #[serde(default)]
    pub rules: Vec<String>,
    /// `replay`: how each case fares.
    #[serde(default)]
    pub cases: Vec<Case>,
    /// `minimize`: what became of each case.
    #[serde(default)]
    minimized: Vec<Shrunk>,
    /// `load`: what was measured.
    #[serde(default)]
    pub load: Option<Measured>,
    /// `run`: what was seen.
    #[serde(default)]
    pub trace: Option<Trace>,
    /// `fuzz`: what was learned.
    #[serde(default)]
    pub fuzz: Option<Learned>,
    /// As it was written.
    #[serde(skip)]
    json: serde_json::Value,
}

/// The plugin that a report is about.
#[derive(Clone, Debug, Deserialize)]
pub struct Plugin {
    /// The name in MANIFEST.
    pub name: String,
    /// The type in MANIFEST.
    pub r#type: Option<String>,
    /// The version in MANIFEST.
    pub version: Option<String>,
    /// The plugin as it was given on the command line.
    pub path: String,
}

/// The user's own options.
#[derive(Clone, Debug, Default, Deserialize)]
struct Options {
    options: Vec<String>,
    #[serde(default)]
    own: Vec<String>,
    levels: Vec<String>,
    configured: bool,
    baseline: Option<String>,
}

/// Lines that ran, of those that hold code.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Lines {
    /// Lines that ran.
    pub lines_hit: u64,
    /// Lines that hold code.
    pub lines: u64,
    /// Whether more may have run.
    #[serde(default)]
    pub sampled: bool,
    /// Each file, and which of its lines ran; empty where the report does not tell.
    #[serde(default)]
    pub files: Vec<FileLines>,
}

/// A finding.
#[derive(Clone, Debug, Deserialize)]
pub struct Told {
    /// The id of the rule.
    pub rule: String,
    /// Its level.
    #[serde(deserialize_with = "severity")]
    pub severity: Severity,
    /// The hook.
    pub hook: Option<String>,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Where.
    pub location: Option<Place>,
    /// What makes it the same finding the next time.
    pub fingerprint: String,
    /// How many sessions showed it.
    #[serde(default = "once")]
    pub occurrences: u64,
    /// Whether it needs a cookie that the plugin never returned.
    #[serde(default)]
    pub foreign_cookie: bool,
    /// Whether every ordinary session shows it.
    #[serde(default)]
    pub every_session: bool,
    /// Findings with the same number have one cause.
    #[serde(default)]
    pub group: usize,
    /// The file of the smallest case.
    pub case: Option<String>,
    /// Whether it is in the baseline.
    #[serde(default)]
    pub known: bool,
    /// The command that shows it again.
    pub again: Option<String>,
    /// The options without which it does not show.
    #[serde(default)]
    pub options: Vec<SetTo>,
    /// Lines of source around the place; empty where it is in no file of the plugin.
    #[serde(default)]
    pub source: Vec<Line>,
    /// The call of the smallest case that shows it, as it was seen.
    #[serde(default)]
    pub call: Option<Called>,
}

/// A place in the plugin's files.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    /// The path inside the package.
    pub file: String,
    /// From 1.
    pub line: Option<u32>,
    /// In characters, from 1.
    pub column: Option<u32>,
    /// The function.
    pub function: Option<String>,
    /// Whether the file is the plugin's own, and no library's.
    #[serde(default = "yes")]
    pub in_plugin: bool,
}

/// A case that was replayed.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// The case's file.
    pub path: String,
    /// The word for how it fares.
    pub outcome: String,
    /// Why it could not be run.
    pub reason: Option<String>,
    /// The rule that it once broke.
    pub rule: Option<String>,
    /// The fingerprint of what it once showed.
    pub fingerprint: Option<String>,
    /// What it once said.
    pub message: Option<String>,
    /// The level of its rule, where it is still there.
    #[serde(default, deserialize_with = "severity_if_any")]
    pub severity: Option<Severity>,
    /// Whether all that it shows is in the baseline.
    #[serde(default)]
    pub known: bool,
    /// The command that runs it alone.
    pub again: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Shrunk {
    path: String,
    before: SizeRead,
    after: Option<SizeRead>,
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct SizeRead {
    calls: usize,
    arguments: usize,
}

/// Why a text is no report.
#[derive(Debug, Error)]
#[error("line {line}: {problem}")]
pub struct DocumentError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

const fn yes() -> bool {
    true
}

const fn once() -> u64 {
    1
}

fn level(word: &str) -> Severity {
    // A level of a later version is told; it is not known to fail a run.
    if word == "error" { Severity::Error } else { Severity::Warning }
}

fn severity<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
    Ok(level(&String::deserialize(deserializer)?))
}

fn severity_if_any<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Severity>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.as_deref().map(level))
}

impl Document {
    /// Reads what `--format json` wrote.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if !text.trim_start().starts_with('{') {
            return Err(DocumentError { line: 1, problem: "it is no JSON object".to_owned() });
        }
        let read = serde_json::from_str(text).and_then(|document| Ok((document, serde_json::from_str(text)?)));
        let (document, json) = read.map_err(|error: serde_json::Error| {
            let message = error.to_string();
            let problem = message.split(" at line ").next().unwrap_or(&message).to_owned();
            DocumentError { line: error.line().max(1), problem }
        })?;
        Ok(Self { json, ..document })
    }

    /// A report that was just made.
    pub fn of(report: &ReportJson) -> Self {
        Self::parse(&report.to_text()).expect("what is written here can be read here")
    }

    /// How the user said it.
    fn again(&self) -> Again {
        let levels = self.again.levels.iter().filter_map(|text| {
            let (id, _) = text.split_once('=')?;
            Some((Rule::named(id.trim())?, text.clone()))
        });
        Again {
            plugin: self.plugin.path.clone(),
            options: self.again.options.clone(),
            own: self.again.own.clone(),
            levels: levels.collect(),
            is_configured: self.again.configured,
            baseline: self.again.baseline.clone(),
        }
    }

    /// Whether the run knew some findings beforehand.
    pub fn has_baseline(&self) -> bool {
        self.again.baseline.is_some() || self.told().iter().any(|told| told.known)
    }

    /// The command that does the same again, to be pasted into a shell.
    pub fn command_line(&self) -> String {
        self.again().whole(&plain::shell_word(&self.command), self.seed)
    }

    /// As it was written, with all that this version does not know.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.json)
    }

    /// All findings, and those of `replay` that are still there.
    pub fn told(&self) -> Vec<Told> {
        let still = self.cases.iter().filter(|case| case.outcome == "still-there");
        let still = still.filter_map(|case| {
            Some(Told {
                rule: case.rule.clone()?,
                severity: case.severity.unwrap_or(Severity::Warning),
                hook: None,
                message: case.message.clone().filter(|text| !text.is_empty()).or_else(|| case.rule.clone())?,
                hint: None,
                location: None,
                fingerprint: case.fingerprint.clone()?,
                occurrences: 1,
                foreign_cookie: false,
                every_session: false,
                group: 0,
                case: Some(case.path.clone()),
                known: case.known,
                again: case.again.clone(),
                options: Vec::new(),
                source: Vec::new(),
                call: None,
            })
        });
        self.findings.iter().cloned().chain(still).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_another_version_is_read_as_far_as_it_goes() {
        let text = r#"{"hookstorm": "7.0.0", "command": "dream", "status": "ok", "colour": "red",
            "plugin": {"name": "A", "type": "oracle", "version": null, "path": "a/"}, "platform": "11.0", "python": null,
            "elapsed_seconds": -1e300, "findings": [{"rule": "of-tomorrow", "severity": "grave", "message": "bad",
            "fingerprint": "3f9c2a71d0b4"}]}"#;
        let document = Document::parse(text).unwrap();
        assert_eq!(document.told()[0].severity, Severity::Warning);
        let text = document.to_text(100, false);
        assert!(text.contains("hookstorm 7.0.0 also found") && text.contains("of-tomorrow (bad)"), "{text}");
        assert!(document.to_json().contains("\"colour\": \"red\""));
    }

    #[test]
    fn what_is_no_report_is_told_with_its_line() {
        let told = |text: &str| Document::parse(text).unwrap_err().to_string();
        assert_eq!(told(" \n"), "line 1: it is no JSON object");
        assert_eq!(told("{\n\"version\": \"2.1.0\"\n}"), "line 3: missing field `hookstorm`");
        assert_eq!(told("[]"), "line 1: it is no JSON object");
    }
}
