//! What happens, as it happens, for scripts: one JSON object on each line of standard output. [`Stream`] listens to a
//! campaign's events from any thread. Fields are added, never renamed.
//!
//! ```json
//! {"event":"start","hookstorm":"0.1.0","command":"fuzz","plugin":"Vault","platform":"9.0","python":"3.11.7","seed":42}
//! {"event":"coverage","elapsed_seconds":0.4,"new_edges":3,"new_counts":3,"new_features":1,"edges":57,"case":"corpora/Vault/seeds/….json"}
//! {"event":"found","elapsed_seconds":0.9,"finding":{"rule":"uncaught-exception",…}}
//! {"event":"pulse","elapsed_seconds":10.0,"sessions":31200,"calls":124800,…}
//! {"event":"end","report":{…}}
//! ```

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Head, Mask,
    json::{ReportJson, finding::FindingJson},
};
use crate::{
    engine::Event,
    finding::Finding,
    load::{LoadEvent, rounded},
};

/// How often a pulse is told.
const PULSE: Duration = Duration::from_secs(10);

/// One line.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
#[schemars(title = "hookstorm event")]
pub(super) enum LineJson<'a> {
    /// The first line: what this is about.
    Start {
        /// The version of hookstorm.
        hookstorm: &'static str,
        /// The command.
        command: &'static str,
        /// The name in MANIFEST, or the file's name where MANIFEST tells none.
        plugin: &'a str,
        /// The platform that is played.
        platform: &'static str,
        /// The embedded CPython; null where it was not started.
        python: Option<&'a str>,
        /// The seed; null for commands that need none.
        seed: Option<u64>,
    },
    /// A finding, confirmed, shrunk and on disk. Counts are those of this moment.
    Found { elapsed_seconds: f64, finding: Box<FindingJson> },
    /// `fuzz`: something ran, or came out, for the first time.
    Coverage {
        elapsed_seconds: f64,
        /// Edges that never ran before.
        new_edges: usize,
        /// Edges that never ran as often before, the new ones included.
        new_counts: usize,
        /// Outcomes that were never seen before.
        new_features: usize,
        /// Edges that ran so far.
        edges: usize,
        /// The case that shows it; null where the corpus had it before.
        case: Option<String>,
    },
    /// How far it is, every ten seconds or so.
    Pulse(PulseJson),
    /// `load`: how it goes, every ten seconds or so.
    Load(LoadPulseJson),
    /// What the user should know.
    Note { text: &'a str },
    /// The last line: the report, as `--format json` has it.
    End { report: &'a ReportJson },
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub(super) struct PulseJson {
    elapsed_seconds: f64,
    /// Sessions that ran.
    sessions: u64,
    /// Calls that ran.
    calls: u64,
    sessions_per_second: f64,
    calls_per_second: f64,
    /// Findings that were confirmed.
    findings: usize,
    /// Lines of the plugin's own files that ran; null but for `fuzz`, as all below.
    lines_hit: Option<usize>,
    /// Lines that hold code.
    lines: Option<usize>,
    /// Edges that ran.
    edges: Option<usize>,
    /// Outcomes that were seen.
    features: Option<usize>,
    /// Sessions that brought something new.
    corpus: Option<usize>,
    /// How long no new edge ran.
    quiet_seconds: Option<f64>,
}

/// How a load run goes.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub(super) struct LoadPulseJson {
    elapsed_seconds: f64,
    /// Sessions that ended, per second, of late.
    achieved_rate: f64,
    /// Sessions that have begun and not ended.
    in_flight: u64,
    /// Sessions that were due and have not begun.
    waiting: u64,
    /// Of the latencies of sessions that ended of late.
    p50_ms: f64,
    /// As `p50_ms`.
    p99_ms: f64,
    /// Sessions that ended so far.
    sessions: u64,
    /// Calls that did not return so far.
    errors: u64,
}

impl LineJson<'_> {
    fn to_text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("a line holds nothing that JSON cannot carry");
        text.push('\n');
        text
    }
}

/// The first line, and one for each finding that no hook was called for.
pub(crate) fn start(head: &Head, findings: &[Finding]) -> String {
    let mut text = LineJson::Start {
        hookstorm: env!("CARGO_PKG_VERSION"),
        command: head.command,
        plugin: &head.name,
        platform: head.platform.name,
        python: head.python.as_deref(),
        seed: head.seed,
    }
    .to_text();
    for (group, finding) in findings.iter().enumerate() {
        let finding = Box::new(FindingJson::of(finding, group, None));
        text.push_str(&LineJson::Found { elapsed_seconds: 0.0, finding }.to_text());
    }
    text
}

/// The last line.
pub(crate) fn end(report: &ReportJson) -> String {
    LineJson::End { report }.to_text()
}

/// Takes a line.
type Write = Box<dyn Fn(&str) + Sync>;

/// Writes lines, or nothing.
pub(crate) struct Stream {
    write: Option<Write>,
    /// Secrets of the configuration.
    secrets: Vec<String>,
    began: Instant,
    last_pulse: Mutex<Instant>,
}

impl Stream {
    /// A stream that writes each line by `write`; without it, it keeps silent.
    pub(crate) fn new(write: Option<Write>, secrets: Vec<String>) -> Self {
        let now = Instant::now();
        Self { write, secrets, began: now, last_pulse: Mutex::new(now) }
    }

    /// Takes an event in.
    pub(crate) fn listen(&self, event: &Event) {
        let Some(write) = &self.write else { return };
        if let Some(line) = self.line(event) {
            write(&line.to_text());
        }
    }

    /// Takes an event of a load run in.
    pub(crate) fn load(&self, event: &LoadEvent) {
        match (event, &self.write) {
            (LoadEvent::Engine(event), _) => self.listen(event),
            (LoadEvent::Progress(pulse), Some(write)) if self.is_due() => {
                let line = LineJson::Load(LoadPulseJson {
                    elapsed_seconds: rounded(pulse.elapsed.as_secs_f64()),
                    achieved_rate: rounded(pulse.achieved_rate),
                    in_flight: pulse.in_flight,
                    waiting: pulse.waiting,
                    p50_ms: pulse.p50_ms,
                    p99_ms: pulse.p99_ms,
                    sessions: pulse.sessions,
                    errors: pulse.errors,
                });
                write(&line.to_text());
            }
            _ => {}
        }
    }

    fn line<'e>(&self, event: &'e Event) -> Option<LineJson<'e>> {
        let elapsed_seconds = rounded(self.began.elapsed().as_secs_f64());
        Some(match event {
            Event::Found(reported) => {
                let mask = Mask::new(self.secrets.iter().cloned());
                LineJson::Found { elapsed_seconds, finding: Box::new(FindingJson::new(reported, &mask)) }
            }
            Event::NewCoverage(covered) => LineJson::Coverage {
                elapsed_seconds: rounded(covered.elapsed.as_secs_f64()),
                new_edges: covered.new_edges,
                new_counts: covered.new_counts,
                new_features: covered.new_features,
                edges: covered.edges,
                case: covered.case_path.as_ref().map(|path| path.to_string_lossy().into_owned()),
            },
            Event::Note(text) => LineJson::Note { text },
            Event::Progress { sessions, calls, findings, .. } if self.is_due() => {
                LineJson::Pulse(pulse(elapsed_seconds, *sessions, *calls, *findings))
            }
            Event::FuzzProgress(now) if self.is_due() => LineJson::Pulse(PulseJson {
                lines_hit: Some(now.lines_hit),
                lines: Some(now.lines),
                edges: Some(now.edges),
                features: Some(now.features),
                corpus: Some(now.entries),
                quiet_seconds: Some(rounded(now.since_edge.as_secs_f64())),
                ..pulse(rounded(now.elapsed.as_secs_f64()), now.sessions, now.calls, now.findings)
            }),
            Event::Confirming { .. } | Event::Progress { .. } | Event::FuzzProgress(_) => return None,
        })
    }

    fn is_due(&self) -> bool {
        let mut last = self.last_pulse.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.elapsed() >= PULSE;
        if is_due {
            *last = Instant::now();
        }
        is_due
    }
}

fn pulse(elapsed_seconds: f64, sessions: u64, calls: u64, findings: usize) -> PulseJson {
    let rate = |count: u64| if elapsed_seconds > 0.0 { rounded(count as f64 / elapsed_seconds) } else { 0.0 };
    PulseJson {
        elapsed_seconds,
        sessions,
        calls,
        sessions_per_second: rate(sessions),
        calls_per_second: rate(calls),
        findings,
        ..PulseJson::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        engine::{CoverageEvent, FuzzProgress, Summary},
        finding::Rule,
        report::{Report, examples, schema},
    };

    /// Every kind of line, as it is written.
    fn lines() -> Vec<String> {
        let written = Arc::new(Mutex::new(vec![start(&examples::head(), &[examples::finding(Rule::Timeout)])]));
        let into = Arc::clone(&written);
        let stream =
            Stream::new(Some(Box::new(move |line: &str| into.lock().unwrap().push(line.to_owned()))), Vec::new());
        *stream.last_pulse.lock().unwrap() -= PULSE;
        stream.listen(&Event::Found(Box::new(examples::reported(Rule::UncaughtException, 0))));
        stream.listen(&Event::NewCoverage(CoverageEvent {
            elapsed: Duration::from_secs(1),
            new_edges: 1,
            new_counts: 1,
            new_features: 0,
            edges: 5,
            case_path: Some("corpora/MyVault/seeds/0.json".into()),
        }));
        let pulse = Event::FuzzProgress(FuzzProgress {
            elapsed: Duration::from_secs(10),
            sessions: 1000,
            calls: 3000,
            lines_hit: 5,
            lines: 10,
            edges: 5,
            features: 3,
            entries: 4,
            findings: 1,
            since_edge: Duration::from_secs(9),
        });
        stream.listen(&pulse);
        stream.listen(&pulse);
        stream.listen(&Event::Note("a note".into()));
        let report = ReportJson::new(&Report {
            head: &examples::head(),
            summary: &Summary::default(),
            again: &examples::again(),
            baseline: &crate::finding::Baseline::default(),
            source: &|_, _| None,
            secrets: &[],
            planned: None,
            width: 100,
            is_verbose: false,
        });
        let written = written.lock().unwrap().concat() + &end(&report);
        written.lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_line_is_one_object_that_fits_the_schema_and_a_pulse_comes_once_in_a_while() {
        let validator = jsonschema::validator_for(&schema::ndjson()).expect("the schema is one");
        let mut events = Vec::new();
        for line in lines() {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let problems: Vec<_> = validator.iter_errors(&line).map(|error| error.to_string()).collect();
            assert_eq!(problems, [""; 0], "{line}");
            events.push(line["event"].as_str().unwrap().to_owned());
        }
        assert_eq!(events, ["start", "found", "found", "coverage", "pulse", "note", "end"]);
        assert!(!validator.is_valid(&serde_json::json!({"event": "pulse"})));
    }
}
