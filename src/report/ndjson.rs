//! Events for scripts, as they happen: one JSON object on each line of standard output. [`Stream`] listens to events
//! from any thread. Fields are added, never renamed.
//!
//! ```json
//! {"event":"start","hookstorm":"0.1.0","command":"fuzz","plugin":"Vault","platform":"9.0","python":"3.11.7","seed":42}
//! {"event":"coverage","elapsed_seconds":0.4,"new_edges":3,"new_counts":3,"new_features":1,"edges":57,"case":"….json"}
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

use super::{FindingEntry, Mask, Report};
use crate::{
    engine::Event,
    finding::Finding,
    load::{LoadEvent, rounded},
};

/// How often a pulse is written.
const PULSE: Duration = Duration::from_secs(10);

/// One line.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
#[schemars(title = "hookstorm event")]
pub(super) enum EventLine<'a> {
    /// The first line: what this is about.
    Start {
        /// The version of hookstorm.
        hookstorm: &'a str,
        /// The command.
        command: &'a str,
        /// The name in MANIFEST, or the file's name if MANIFEST has none.
        plugin: &'a str,
        /// The platform that is simulated.
        platform: &'a str,
        /// The embedded CPython; null if it was not started.
        python: Option<&'a str>,
        /// The seed; null for commands that need none.
        seed: Option<u64>,
    },
    /// A finding: reproduced, shrunk and on disk. Its counts are those of this moment.
    Found { elapsed_seconds: f64, finding: Box<FindingEntry> },
    /// `fuzz`: new coverage.
    Coverage {
        elapsed_seconds: f64,
        /// Edges that never ran before.
        new_edges: usize,
        /// Edges that never ran as often before, the new ones included.
        new_counts: usize,
        /// New features: outcomes that never occurred before.
        new_features: usize,
        /// Edges that ran so far.
        edges: usize,
        /// The case that reached it; null if the corpus had it before.
        case: Option<String>,
    },
    /// How far the run is, every ten seconds or so.
    Pulse(ProgressPulse),
    /// `load`: the current figures, every ten seconds or so.
    Load(LoadPulse),
    /// What the user should know.
    Note { text: &'a str },
    /// The last line: the report, as `--format json` writes it.
    End { report: &'a Report },
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub(super) struct ProgressPulse {
    elapsed_seconds: f64,
    /// Sessions that ran.
    sessions: u64,
    /// Calls that ran.
    calls: u64,
    sessions_per_second: f64,
    calls_per_second: f64,
    /// Confirmed findings.
    findings: usize,
    /// Lines of the plugin's own files that ran; null but for `fuzz`, as all below.
    lines_hit: Option<usize>,
    /// Lines that contain code.
    lines: Option<usize>,
    /// Edges that ran.
    edges: Option<usize>,
    /// Features: distinct outcomes of calls.
    features: Option<usize>,
    /// Sessions that brought new coverage.
    corpus: Option<usize>,
    /// The time since the last new edge.
    quiet_seconds: Option<f64>,
}

/// The current figures of a load run.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub(super) struct LoadPulse {
    elapsed_seconds: f64,
    /// Sessions that ended recently, per second.
    achieved_rate: f64,
    /// Sessions that have begun and not ended.
    in_flight: u64,
    /// Sessions that were due and have not begun.
    waiting: u64,
    /// Of the latencies of sessions that ended recently.
    p50_ms: f64,
    /// As `p50_ms`.
    p99_ms: f64,
    /// Sessions that ended so far.
    sessions: u64,
    /// Calls that did not return so far.
    errors: u64,
}

impl EventLine<'_> {
    fn to_text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("a line holds nothing that JSON cannot carry");
        text.push('\n');
        text
    }
}

/// The first line, and one for each finding of package and loading rules.
pub(crate) fn start(report: &Report, findings: &[Finding]) -> String {
    let mut text = EventLine::Start {
        hookstorm: &report.hookstorm,
        command: &report.command,
        plugin: &report.plugin.name,
        platform: &report.platform,
        python: report.python.as_deref(),
        seed: report.seed,
    }
    .to_text();
    for (group, finding) in findings.iter().enumerate() {
        let finding = Box::new(FindingEntry::of(finding, group, None));
        text.push_str(&EventLine::Found { elapsed_seconds: 0.0, finding }.to_text());
    }
    text
}

/// The last line.
pub(crate) fn end(report: &Report) -> String {
    EventLine::End { report }.to_text()
}

/// Writes a line.
type Write = Box<dyn Fn(&str) + Sync>;

/// Writes lines, or nothing.
pub(crate) struct Stream {
    write: Option<Write>,
    /// Secrets of the configuration.
    mask: Mask,
    began: Instant,
    last_pulse: Mutex<Instant>,
}

impl Stream {
    /// A stream that calls `write` for each line; without `write` it does nothing.
    pub(crate) fn new(write: Option<Write>, mask: Mask) -> Self {
        let now = Instant::now();
        Self { write, mask, began: now, last_pulse: Mutex::new(now) }
    }

    /// Takes an event.
    pub(crate) fn listen(&self, event: &Event) {
        let Some(write) = &self.write else { return };
        if let Some(line) = self.line(event) {
            write(&line.to_text());
        }
    }

    /// Takes an event of a load run.
    pub(crate) fn load(&self, event: &LoadEvent) {
        match (event, &self.write) {
            (LoadEvent::Engine(event), _) => self.listen(event),
            (LoadEvent::Progress(pulse), Some(write)) if self.is_due() => {
                let line = EventLine::Load(LoadPulse {
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

    fn line<'e>(&self, event: &'e Event) -> Option<EventLine<'e>> {
        let elapsed_seconds = rounded(self.began.elapsed().as_secs_f64());
        Some(match event {
            Event::Found(reported) => {
                EventLine::Found { elapsed_seconds, finding: Box::new(FindingEntry::new(reported, &self.mask)) }
            }
            Event::NewCoverage(covered) => EventLine::Coverage {
                elapsed_seconds: rounded(covered.elapsed.as_secs_f64()),
                new_edges: covered.new_edges,
                new_counts: covered.new_counts,
                new_features: covered.new_features,
                edges: covered.edges,
                case: covered.case_path.as_ref().map(|path| path.to_string_lossy().into_owned()),
            },
            Event::Note(text) => EventLine::Note { text },
            Event::Progress { sessions, calls, findings, .. } if self.is_due() => {
                EventLine::Pulse(pulse(elapsed_seconds, *sessions, *calls, *findings))
            }
            Event::FuzzProgress(now) if self.is_due() => EventLine::Pulse(ProgressPulse {
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

fn pulse(elapsed_seconds: f64, sessions: u64, calls: u64, findings: usize) -> ProgressPulse {
    let rate = |count: u64| if elapsed_seconds > 0.0 { rounded(count as f64 / elapsed_seconds) } else { 0.0 };
    ProgressPulse {
        elapsed_seconds,
        sessions,
        calls,
        sessions_per_second: rate(sessions),
        calls_per_second: rate(calls),
        findings,
        ..ProgressPulse::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        engine::{CoverageEvent, FuzzProgress, Summary},
        finding::Rule,
        report::{examples, schema},
    };

    /// Every kind of line, as it is written.
    fn lines() -> Vec<String> {
        let written = Arc::new(Mutex::new(vec![start(&examples::begun("test"), &[examples::finding(Rule::Timeout)])]));
        let into = Arc::clone(&written);
        let stream =
            Stream::new(Some(Box::new(move |line: &str| into.lock().unwrap().push(line.to_owned()))), Mask::default());
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
        let report = examples::report("test", &Summary::default());
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
