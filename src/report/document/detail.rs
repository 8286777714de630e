//! What a report tells beside its findings: the call that shows one, lines of source, what ran and when. All of it may be
//! missing, since earlier versions did not write it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Place;

/// A line of source.
#[derive(Clone, Debug, Deserialize)]
pub struct SourceLine {
    /// From 1.
    pub line: u32,
    /// Without its end.
    pub text: String,
}

/// What was seen of a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Call {
    /// The hook.
    pub hook: String,
    /// What it was given, without the cookies.
    pub arguments: Map<String, Value>,
    /// returned, raised, exited, signalled, timed-out, out-of-memory or cut-off.
    pub ending: String,
    /// What it returned, raised or ended with, as Python would write it.
    pub result: Option<String>,
    /// Where it ended, innermost first.
    pub frames: Vec<Place>,
    /// What it printed.
    pub stdout: Output,
    /// What it printed to standard error.
    pub stderr: Output,
    /// How long it took.
    pub elapsed_ms: f64,
    /// Files that lie in the session's folders after the call.
    pub files: Vec<String>,
}

/// What a call printed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Output {
    /// The beginning and, where it was long, the end.
    pub text: String,
    /// How many bytes were written in all.
    pub bytes: u64,
}

/// What `run` saw.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Trace {
    /// Its calls, in order.
    pub calls: Vec<Call>,
}

/// What `fuzz` learned.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// Edges that ran.
    pub edges: u64,
    /// Outcomes that were seen.
    pub features: u64,
    /// Sessions that brought something new.
    pub corpus: u64,
    /// Those of them that the corpus did not hold before.
    pub corpus_new: u64,
}

/// A file of the plugin, and what of it ran.
#[derive(Clone, Debug, Deserialize)]
pub struct Covered {
    /// The path inside the package.
    pub file: String,
    /// Lines that ran, as first and last.
    pub hit: Vec<(u32, u32)>,
    /// Lines that hold code and did not run, as first and last.
    pub missed: Vec<(u32, u32)>,
    /// Its text.
    #[serde(default)]
    pub source: Option<String>,
}

/// How far a run had come at a moment.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Moment {
    /// Since the beginning.
    pub at_seconds: f64,
    /// Sessions that had run.
    pub sessions: u64,
    /// Calls that had run.
    pub calls: u64,
    /// Findings that there were.
    pub findings: u64,
    /// Lines that had run.
    pub lines_hit: u64,
}
