//! The report for machines: one JSON object, in the form that other people's CI reads. A field is added, never renamed,
//! and reads one way only. [`crate::report::schema`] publishes the form.
//!
//! ```json
//! {"hookstorm": "0.1.0", "command": "test", "status": "findings", "plugin": {"name": "Vault", …}, "findings": [{…}]}
//! ```

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Minimized, Replayed, Report, Seen, Size};
use crate::{
    campaign::Reported,
    case::Value,
    finding::{Finding, Severity},
    runtime::{CallTrace, Ending, Frame, Output},
};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It ran to its end and found no error; there may be warnings. Exit status 0.
    Ok,
    /// It ran to its end and found at least one error. Exit status 1.
    Findings,
    /// It was stopped before its end; `findings` holds what was found so far. Exit status 1 where there is an error
    /// among them, 0 otherwise.
    Interrupted,
}

impl Status {
    /// The status of a command that found errors or not, and was interrupted or not.
    pub const fn of(has_errors: bool, is_interrupted: bool) -> Self {
        match (has_errors, is_interrupted) {
            (_, true) => Self::Interrupted,
            (true, false) => Self::Findings,
            (false, false) => Self::Ok,
        }
    }
}

/// The report of a command.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "hookstorm report")]
pub struct ReportJson {
    /// The version of hookstorm.
    hookstorm: &'static str,
    /// The command: check, run, test, replay or minimize.
    command: &'static str,
    status: Status,
    plugin: PluginJson,
    /// The platform that was played.
    platform: &'static str,
    /// The embedded CPython; null where it was not started.
    python: Option<String>,
    /// The seed; null for commands that need none.
    seed: Option<u64>,
    /// Sessions that ran.
    sessions: u64,
    /// Calls that ran.
    calls: u64,
    elapsed_seconds: f64,
    calls_per_second: f64,
    coverage: CoverageJson,
    findings: Vec<FindingJson>,
    /// What the user should know beside findings.
    notes: Vec<String>,
    /// `run`: what was seen of each call.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<TraceJson>,
    /// `replay`: how each case fares.
    #[serde(skip_serializing_if = "Option::is_none")]
    cases: Option<Vec<ReplayedJson>>,
    /// `minimize`: what became of each case.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimized: Option<Vec<MinimizedJson>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PluginJson {
    /// The name in MANIFEST, or the file's name where MANIFEST tells none.
    name: String,
    /// The type in MANIFEST; null where it is not known.
    r#type: Option<&'static str>,
    /// The version in MANIFEST; null where there is none.
    version: Option<String>,
    /// The plugin as it was given on the command line.
    path: String,
}

/// Lines of the plugin's own files.
#[derive(Debug, Serialize, JsonSchema)]
struct CoverageJson {
    /// Lines that ran.
    lines_hit: u64,
    /// Lines that hold code.
    lines: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FindingJson {
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
enum SeverityJson {
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
struct LocationJson {
    /// The path inside the package.
    file: String,
    /// From 1; null where the file as a whole is meant.
    line: Option<u32>,
    /// In characters, from 1; null where it is not known.
    column: Option<u32>,
    /// Null where there is none.
    function: Option<String>,
}

/// What was seen of a session. Secrets are `***` unless `--show-secrets` was given.
#[derive(Debug, Serialize, JsonSchema)]
struct TraceJson {
    calls: Vec<CallJson>,
    /// What the plugin's next call would get.
    #[schemars(with = "serde_json::Value")]
    cookie: Value,
    /// What any plugin's next call would get.
    #[schemars(with = "serde_json::Value")]
    session_cookie: Value,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CallJson {
    /// Its place in the case, from 1.
    call: usize,
    /// 0, or after which answer the hook was called again.
    round: usize,
    hook: &'static str,
    /// What the case passes, without the cookies.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    arguments: Value,
    /// returned, raised, exited, signalled, timed-out, out-of-memory or cut-off.
    ending: &'static str,
    /// What it returned, raised or ended with, as Python would write it.
    result: Option<String>,
    /// Where it ended, innermost first.
    frames: Vec<LocationJson>,
    stdout: OutputJson,
    stderr: OutputJson,
    elapsed_ms: f64,
    /// Files that lie in the session's folders after the call.
    files: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OutputJson {
    /// The beginning and, where it was long, the end.
    text: String,
    /// How many bytes were written in all.
    bytes: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ReplayedJson {
    /// The case's file.
    path: String,
    /// still-there, fixed, became-another, silent, broke or other-type.
    outcome: &'static str,
    /// The rule that it once broke; null for a regression test.
    rule: Option<String>,
    fingerprint: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MinimizedJson {
    /// The case's file.
    path: String,
    before: SizeJson,
    /// Null where it was taken out, since another case shows the same.
    after: Option<SizeJson>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SizeJson {
    calls: usize,
    arguments: usize,
}

impl ReportJson {
    /// The report in the form of the documentation.
    pub fn new(report: &Report<'_>) -> Self {
        let (head, summary) = (report.head, report.summary);
        let has_errors = summary.reported.iter().any(|one| one.finding.severity == Severity::Error);
        let seconds = summary.elapsed.as_secs_f64();
        Self {
            hookstorm: env!("CARGO_PKG_VERSION"),
            command: head.command,
            status: Status::of(has_errors, summary.interrupted),
            plugin: PluginJson {
                name: head.name.clone(),
                r#type: head.plugin_type.map(|plugin_type| plugin_type.name()),
                version: head.version.clone(),
                path: head.path.clone(),
            },
            platform: head.platform.name,
            python: head.python.clone(),
            seed: head.seed,
            sessions: summary.sessions,
            calls: summary.calls,
            elapsed_seconds: rounded(seconds),
            calls_per_second: if seconds > 0.0 { rounded(summary.calls as f64 / seconds) } else { 0.0 },
            coverage: CoverageJson { lines_hit: summary.coverage.lines_hit, lines: summary.coverage.lines },
            findings: summary.reported.iter().map(FindingJson::new).collect(),
            notes: summary.notes.clone(),
            trace: None,
            cases: None,
            minimized: None,
        }
    }

    /// With what `run` saw.
    #[must_use]
    pub fn with_trace(mut self, seen: &Seen<'_>) -> Self {
        self.trace = Some(TraceJson {
            calls: seen.trace.calls.iter().map(|call| CallJson::new(call, seen)).collect(),
            cookie: seen.mask.value(&seen.trace.cookie),
            session_cookie: seen.mask.value(&seen.trace.session_cookie),
        });
        self
    }

    /// With how the cases of `replay` fare. The status follows them, and what is new stands among the findings.
    #[must_use]
    pub fn with_replayed(mut self, results: &[Replayed]) -> Self {
        let is_failure = results.iter().any(|one| one.outcome.is_failure());
        self.status = Status::of(is_failure, self.status == Status::Interrupted);
        for one in results {
            let path = one.path.to_string_lossy();
            for finding in one.outcome.findings() {
                let group = self.findings.len();
                self.findings.push(FindingJson { group, ..FindingJson::of(finding, Some(&path)) });
            }
        }
        self.cases = Some(results.iter().map(ReplayedJson::new).collect());
        self
    }

    /// With what became of the cases of `minimize`.
    #[must_use]
    pub fn with_minimized(mut self, results: &[Minimized]) -> Self {
        let of = |size: Size| SizeJson { calls: size.calls, arguments: size.arguments };
        let one = |one: &Minimized| MinimizedJson {
            path: one.path.to_string_lossy().into_owned(),
            before: of(one.before),
            after: one.after.map(of),
        };
        self.minimized = Some(results.iter().map(one).collect());
        self
    }

    /// As text, with a line feed at the end.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a report holds nothing that JSON cannot carry");
        text.push('\n');
        text
    }
}

impl FindingJson {
    fn of(finding: &Finding, case: Option<&str>) -> Self {
        let of_line = |number: u32| (number > 0).then_some(number);
        Self {
            rule: finding.rule.id(),
            severity: finding.severity.into(),
            hook: finding.hook.map(|hook| hook.name()),
            message: finding.message.clone(),
            hint: finding.hint.clone(),
            location: finding.location.as_ref().map(|location| LocationJson {
                file: location.file.clone(),
                line: of_line(location.line),
                column: of_line(location.column),
                function: Some(location.function.clone()).filter(|function| !function.is_empty()),
            }),
            fingerprint: finding.fingerprint.to_string(),
            occurrences: 1,
            foreign_cookie: finding.foreign_cookie,
            every_session: false,
            group: 0,
            case: case.map(str::to_owned),
        }
    }

    fn new(reported: &Reported) -> Self {
        let case = reported.case_path.as_ref().map(|path| path.to_string_lossy().into_owned());
        Self {
            occurrences: reported.occurrences,
            every_session: reported.every_session,
            group: reported.group,
            ..Self::of(&reported.finding, case.as_deref())
        }
    }
}

impl CallJson {
    fn new(call: &CallTrace, seen: &Seen<'_>) -> Self {
        let Seen { session, mask, .. } = *seen;
        let given = session.calls.get(call.call).map_or(&[][..], |case| &case.arguments);
        let arguments =
            given.iter().map(|(argument, value)| (argument.name().to_owned(), mask.argument(*argument, value)));
        let (ending, result) = match &call.ending {
            Ending::Returned(result) => ("returned", Some(mask.result(result).to_string())),
            Ending::Raised(exception) => {
                ("raised", Some(format!("{}: {}", exception.type_name, mask.text(&exception.message))))
            }
            Ending::Exited { status, .. } => ("exited", Some(status.to_string())),
            Ending::Signalled { signal, .. } => ("signalled", Some(signal.to_string())),
            Ending::TimedOut { .. } => ("timed-out", None),
            Ending::OutOfMemory { .. } => ("out-of-memory", None),
            Ending::CutOff => ("cut-off", None),
        };
        let output = |output: &Output| OutputJson { text: mask.text(&output.text), bytes: output.bytes };
        let location = |frame: &Frame| LocationJson {
            file: frame.file.clone(),
            line: Some(frame.line),
            column: None,
            function: Some(frame.function.clone()),
        };
        Self {
            call: call.call + 1,
            round: call.round,
            hook: call.hook.name(),
            arguments: Value::Dict(arguments.collect()),
            ending,
            result,
            frames: call.ending.frames().iter().map(location).collect(),
            stdout: output(&call.stdout),
            stderr: output(&call.stderr),
            elapsed_ms: milliseconds(call.elapsed),
            files: call.files.iter().map(|file| file.path.clone()).collect(),
        }
    }
}

impl ReplayedJson {
    fn new(one: &Replayed) -> Self {
        Self {
            path: one.path.to_string_lossy().into_owned(),
            outcome: one.outcome.name(),
            rule: one.found.as_ref().map(|found| found.rule.clone()),
            fingerprint: one.found.as_ref().map(|found| found.fingerprint.clone()),
        }
    }
}

fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        campaign::Summary,
        finding::Rule,
        report::{Mask, Outcome, examples},
    };

    pub(crate) fn json(command: &'static str, summary: &Summary) -> ReportJson {
        let mut head = examples::head();
        head.command = command;
        ReportJson::new(&Report {
            head: &head,
            summary,
            again: &examples::again(),
            source: &|_, _| None,
            secrets: &[],
            planned: None,
            width: 100,
            is_verbose: false,
        })
    }

    #[test]
    fn the_report_has_the_documented_fields_in_the_documented_order() {
        let summary = examples::summary(vec![examples::reported(Rule::UncaughtException, 0)]);
        let text = json("test", &summary).to_text();
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let text = text.replace(summary.reported[0].finding.fingerprint.as_str(), "FINGERPRINT");
        insta::assert_snapshot!(text, @r#"
        {
          "hookstorm": "VERSION",
          "command": "test",
          "status": "findings",
          "plugin": {
            "name": "MyVault",
            "type": "credentialstore",
            "version": "1.0",
            "path": "vault/"
          },
          "platform": "9.0",
          "python": "3.11.7",
          "seed": 42,
          "sessions": 1000,
          "calls": 3712,
          "elapsed_seconds": 1.93,
          "calls_per_second": 1923.316,
          "coverage": {
            "lines_hit": 61,
            "lines": 74
          },
          "findings": [
            {
              "rule": "uncaught-exception",
              "severity": "error",
              "hook": "get_password_list",
              "message": "AttributeError: 'list' object has no attribute 'get'",
              "hint": null,
              "location": {
                "file": "lib/plugin.py",
                "line": 92,
                "column": null,
                "function": "user_defined_path"
              },
              "fingerprint": "FINGERPRINT",
              "occurrences": 118,
              "foreign_cookie": false,
              "every_session": false,
              "group": 0,
              "case": "corpora/MyVault/FINGERPRINT.json"
            }
          ],
          "notes": []
        }
        "#);
    }

    #[test]
    fn warnings_are_no_failure_and_an_interruption_is_told() {
        let warning = examples::summary(vec![examples::reported(Rule::LossyJson, 0)]);
        assert_eq!(json("test", &warning).status, Status::Ok);
        let mut error = examples::summary(vec![examples::reported(Rule::Timeout, 0)]);
        assert_eq!(json("test", &error).status, Status::Findings);
        error.interrupted = true;
        assert_eq!(json("test", &error).status, Status::Interrupted);
    }

    #[test]
    fn a_trace_is_told_without_its_secrets() {
        let (session, trace) = (examples::session(), examples::trace());
        let mask = Mask::default().with_session(&session, &trace.calls);
        let seen = Seen { session: &session, trace: &trace, mask: &mask };
        let text = json("run", &examples::summary(Vec::new())).with_trace(&seen).to_text();
        assert!(!text.contains("hunter22") && !text.contains("correct horse"), "{text}");
        assert!(text.contains(r#""result": "{'passwords': ['***'], 'cookie': {'lease': b'7'}}""#), "{text}");
        assert!(text.contains(r#""ending": "raised""#) && text.contains(r#""result": "KeyError: 'lease'""#), "{text}");
    }

    #[test]
    fn what_replay_found_anew_stands_among_the_findings_and_decides_the_status() {
        let broke = Replayed {
            path: "corpora/a.json".into(),
            found: None,
            outcome: Outcome::Broke(vec![examples::finding(Rule::Timeout)]),
        };
        let still = |severity| Replayed { outcome: Outcome::StillThere(severity), ..broke.clone() };
        let report = |results: &[Replayed]| json("replay", &Summary::default()).with_replayed(results);
        assert_eq!(report(&[broke.clone()]).status, Status::Findings);
        assert_eq!(report(&[broke.clone()]).findings.len(), 1);
        assert_eq!(report(&[still(Severity::Error)]).status, Status::Findings);
        assert_eq!(report(&[still(Severity::Warning)]).status, Status::Ok);
    }
}
