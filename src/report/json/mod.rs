//! The report for machines: one JSON object, in the form that other people's CI reads. A field is added, never renamed,
//! and reads one way only. [`crate::report::schema`] publishes the form.
//!
//! ```json
//! {"hookstorm": "0.1.0", "command": "test", "status": "findings", "plugin": {"name": "Vault", …}, "findings": [{…}]}
//! ```

mod cases;
pub(super) mod finding;
mod history;
mod seen;
mod source;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{
    cases::{MinimizedJson, ReplayedJson},
    finding::{FindingJson, LocationJson},
    history::PointJson,
    seen::TraceJson,
    source::FileJson,
};
use super::{Again, History, Mask, Minimized, Replayed, Report, Seen, Source, sandbox_status::SandboxJson};
use crate::{
    engine::FuzzStats,
    finding::{Baseline, Rule},
    load::{Measured, rounded},
};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It ran to its end and found no error but what the baseline holds; there may be warnings. Exit status 0.
    Ok,
    /// It ran to its end and found at least one error that is new. Exit status 1.
    Findings,
    /// It was stopped before its end; `findings` holds what was found so far. Exit status 1 where there is a new error
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
    /// The command: check, run, test, fuzz, replay, load or minimize.
    command: &'static str,
    status: Status,
    plugin: PluginJson,
    /// The user's own options, to say it again.
    again: AgainJson,
    /// The platform that was played.
    platform: &'static str,
    /// The embedded CPython; null where it was not started.
    python: Option<String>,
    /// The seed; null for commands that need none.
    seed: Option<u64>,
    /// What held the plugin; absent where it was not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<SandboxJson>,
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
    /// `test`, `fuzz` and `load`: the plugin's hooks that were called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    hooks: Vec<&'static str>,
    /// Ids of the rules that were looked for: what is not among them may be broken all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    rules: Vec<&'static str>,
    /// `test`, `fuzz` and `replay`: how far it was over time, at most 120 points, the end the last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    history: Vec<PointJson>,
    /// `run`: what was seen of each call.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<TraceJson>,
    /// `replay`: how each case fares.
    #[serde(skip_serializing_if = "Option::is_none")]
    cases: Option<Vec<ReplayedJson>>,
    /// `minimize`: what became of each case.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimized: Option<Vec<MinimizedJson>>,
    /// `fuzz`: what was learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    fuzz: Option<FuzzJson>,
    /// `load`: what was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<Measured>,
}

/// What a steered campaign learned.
#[derive(Debug, Serialize, JsonSchema)]
struct FuzzJson {
    /// Why it ended: runs, time, quiet or asked.
    ended: &'static str,
    /// Places of the plugin's code that were watched; 0 where nothing was instrumented.
    instrumented: usize,
    /// Edges that ran.
    edges: usize,
    /// Outcomes that were seen.
    features: usize,
    /// Sessions that brought something new.
    corpus: usize,
    /// Those of them that the corpus did not hold before.
    corpus_new: usize,
    /// When the last new edge ran, since the beginning; null where none did.
    last_edge_seconds: Option<f64>,
}

impl FuzzJson {
    fn new(fuzzed: &FuzzStats) -> Self {
        Self {
            ended: fuzzed.ended.name(),
            instrumented: fuzzed.instrumented,
            edges: fuzzed.edges,
            features: fuzzed.features,
            corpus: fuzzed.entries,
            corpus_new: fuzzed.entries_new,
            last_edge_seconds: fuzzed.last_edge.map(|time| rounded(time.as_secs_f64())),
        }
    }
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

/// What a command must repeat to show the same; the settings in hookstorm.toml are read again anyway.
#[derive(Debug, Serialize, JsonSchema)]
struct AgainJson {
    /// Options and their values, in order, one word each.
    options: Vec<String>,
    /// Those that only this command takes; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    own: Vec<String>,
    /// Levels of rules that the user set, `ID=LEVEL`.
    levels: Vec<String>,
    /// Whether the plugin got a configuration from the user rather than its own default.cfg.
    configured: bool,
    /// The file of known findings, where one was named.
    baseline: Option<String>,
}

/// Lines of the plugin's own files.
#[derive(Debug, Serialize, JsonSchema)]
struct CoverageJson {
    /// Lines that ran.
    lines_hit: u64,
    /// Lines that hold code.
    lines: u64,
    /// Whether lines were marked in some of the sessions only, so that more may have run.
    sampled: bool,
    /// `test` and `fuzz`: each file, and which of its lines ran.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    files: Vec<FileJson>,
}

impl ReportJson {
    /// The report in the form of the documentation.
    pub fn new(report: &Report<'_>) -> Self {
        let (head, summary) = (report.head, report.summary);
        let seconds = summary.elapsed.as_secs_f64();
        let mask = Mask::new(report.secrets.iter().cloned());
        Self {
            hookstorm: env!("CARGO_PKG_VERSION"),
            command: head.command,
            status: Status::of(report.has_new_errors(), summary.interrupted),
            plugin: PluginJson {
                name: head.name.clone(),
                r#type: head.plugin_type.map(|plugin_type| plugin_type.name()),
                version: head.version.clone(),
                path: head.path.clone(),
            },
            again: AgainJson {
                options: report.again.options.clone(),
                own: report.again.own.clone(),
                levels: report.again.levels.iter().map(|(_, text)| text.clone()).collect(),
                configured: report.again.is_configured,
                baseline: report.again.baseline.clone(),
            },
            platform: head.platform.name,
            python: head.python.clone(),
            seed: head.seed,
            sandbox: head.held.map(Into::into),
            sessions: summary.sessions,
            calls: summary.calls,
            elapsed_seconds: rounded(seconds),
            calls_per_second: if seconds > 0.0 { rounded(summary.calls as f64 / seconds) } else { 0.0 },
            coverage: CoverageJson {
                lines_hit: summary.coverage.lines_hit,
                lines: summary.coverage.lines,
                sampled: summary.coverage.is_sampled,
                files: source::files(&summary.coverage, report.source, &mask),
            },
            findings: summary
                .reported
                .iter()
                .map(|one| FindingJson::new(one, &mask).known_to(report.again, report.baseline, report.source, &mask))
                .collect(),
            notes: summary.notes.clone(),
            hooks: summary.hooks.iter().map(|hook| hook.name()).collect(),
            rules: Vec::new(),
            history: Vec::new(),
            trace: None,
            cases: None,
            minimized: None,
            fuzz: summary.fuzz.as_ref().map(FuzzJson::new),
            load: None,
        }
    }

    /// With what `run` saw.
    #[must_use]
    pub fn with_trace(mut self, seen: &Seen<'_>) -> Self {
        self.trace = Some(TraceJson::new(seen));
        self
    }

    /// With how the cases of `replay` fare. The status follows them, and what is new stands among the findings.
    #[must_use]
    pub fn with_replayed(
        mut self,
        results: &[Replayed],
        again: &Again,
        baseline: &Baseline,
        source: Source<'_>,
        mask: &Mask,
    ) -> Self {
        let is_failure = results.iter().any(|one| one.is_failure(baseline));
        let has_errors = is_failure || self.status == Status::Findings;
        self.status = Status::of(has_errors, self.status == Status::Interrupted);
        for one in results {
            let path = one.path.to_string_lossy();
            for finding in one.outcome.findings() {
                let group = self.findings.len();
                let told = FindingJson::of(finding, group, Some(&path));
                self.findings.push(told.known_to(again, baseline, source, mask));
            }
        }
        self.cases = Some(results.iter().map(|one| ReplayedJson::new(one, again, baseline)).collect());
        self
    }

    /// With the rules that were looked for.
    #[must_use]
    pub fn with_looked_for(mut self, rules: &[Rule]) -> Self {
        self.rules = rules.iter().map(|rule| rule.id()).collect();
        self
    }

    /// With how it went over time. What was counted in the end is the last point.
    #[must_use]
    pub fn with_history(mut self, history: &History) -> Self {
        self.history = PointJson::all(history, self.sessions, self.calls, self.findings.len());
        if let Some(end) = self.history.last_mut().filter(|_| self.coverage.lines > 0) {
            end.reach(self.coverage.lines_hit);
        }
        self
    }

    /// With what became of the cases of `minimize`.
    #[must_use]
    pub fn with_minimized(mut self, results: &[Minimized]) -> Self {
        self.minimized = Some(results.iter().map(MinimizedJson::new).collect());
        self
    }

    /// With what `load` measured. A missed objective or a regression is a failure, as an error is.
    #[must_use]
    pub fn with_load(mut self, measured: &Measured) -> Self {
        let has_errors = self.status == Status::Findings || measured.is_failure();
        self.status = Status::of(has_errors, self.status == Status::Interrupted);
        self.load = Some(measured.clone());
        self
    }

    /// As text, with a line feed at the end.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a report holds nothing that JSON cannot carry");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Summary,
        finding::{Baseline, Rule, Severity},
        report::{Mask, Outcome, examples},
    };

    pub(crate) fn json(command: &'static str, summary: &Summary) -> ReportJson {
        let mut head = examples::head();
        head.command = command;
        ReportJson::new(&Report {
            head: &head,
            summary,
            again: &examples::again(),
            source: &|_, line| (line <= 92).then(|| format!("line {line}")),
            secrets: &[],
            planned: None,
            width: 100,
            is_verbose: false,
            baseline: &Baseline::default(),
        })
    }

    #[test]
    fn the_report_has_the_documented_fields_in_the_documented_order() {
        let summary = examples::summary(vec![examples::reported(Rule::UncaughtException, 0)]);
        let text = json("test", &summary).to_text();
        let text = text.replace("a\u{202e}b", "alice").replace(env!("CARGO_PKG_VERSION"), "VERSION");
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
          "again": {
            "options": [],
            "levels": [],
            "configured": false,
            "baseline": null
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
            "lines": 74,
            "sampled": false
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
                "function": "user_defined_path",
                "in_plugin": true
              },
              "fingerprint": "FINGERPRINT",
              "occurrences": 118,
              "foreign_cookie": false,
              "every_session": false,
              "group": 0,
              "case": "corpora/MyVault/FINGERPRINT.json",
              "known": false,
              "again": "hookstorm run vault/ --case corpora/MyVault/FINGERPRINT.json",
              "source": [
                {
                  "line": 89,
                  "text": "line 89"
                },
                {
                  "line": 90,
                  "text": "line 90"
                },
                {
                  "line": 91,
                  "text": "line 91"
                },
                {
                  "line": 92,
                  "text": "line 92"
                }
              ],
              "call": {
                "call": 1,
                "round": 0,
                "hook": "get_password_list",
                "arguments": {
                  "session_id": "s-1",
                  "client_ip": "fe80::1",
                  "gateway_password": "***",
                  "gateway_domain": null,
                  "server_username": "alice"
                },
                "ending": "returned",
                "result": "{'passwords': ['***'], 'cookie': {'lease': b'7'}}",
                "frames": [],
                "stdout": {
                  "text": "",
                  "bytes": 0
                },
                "stderr": {
                  "text": "INFO vault: \u001b[31mgot *** for ***\n",
                  "bytes": 48
                },
                "elapsed_ms": 1.24,
                "files": []
              }
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
        let report = |results: &[Replayed]| {
            json("replay", &Summary::default()).with_replayed(
                results,
                &Again::default(),
                &Baseline::default(),
                &|_, _| None,
                &Mask::default(),
            )
        };
        assert_eq!(report(std::slice::from_ref(&broke)).status, Status::Findings);
        assert_eq!(report(std::slice::from_ref(&broke)).findings.len(), 1);
        assert_eq!(report(&[still(Severity::Error)]).status, Status::Findings);
        assert_eq!(report(&[still(Severity::Warning)]).status, Status::Ok);
    }
}
