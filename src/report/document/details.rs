//! What a report tells in detail, read back: lines of source, the call that shows a finding, what ran of each file, and how
//! the run went over time.

use serde::Deserialize;

use super::Place;
use crate::case::Value;

/// A line of a file of the plugin.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// From 1.
    pub line: u32,
    /// What stands there, secrets masked.
    pub text: String,
}

/// A file of the plugin, and which of its lines ran.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FileLines {
    /// The path inside the package.
    pub file: String,
    /// Lines that ran, as ranges: the first and the last line of each.
    pub hit: Vec<[u32; 2]>,
    /// Lines that hold code and did not run, as ranges.
    pub missed: Vec<[u32; 2]>,
    /// The whole text, secrets masked; `None` where it was too large.
    pub source: Option<String>,
}

/// How far a run was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Point {
    /// Since the beginning.
    pub at_seconds: f64,
    /// Sessions that ran.
    pub sessions: u64,
    /// Calls that ran.
    pub calls: u64,
    /// Findings that were confirmed.
    pub findings: u64,
    /// Lines of the plugin's own files that ran, where they were counted meanwhile.
    pub lines_hit: Option<u64>,
}

/// An option of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SetTo {
    /// The section.
    pub section: String,
    /// The option's name.
    pub name: String,
    /// Its value, `***` for a secret.
    pub value: String,
}

/// A call as it was seen, secrets masked and long texts cut.
#[derive(Clone, Debug, Deserialize)]
pub struct Called {
    /// Its place in the case, from 1.
    pub call: usize,
    /// 0, or after which answer the hook was called again.
    #[serde(default)]
    pub round: usize,
    /// The hook.
    pub hook: String,
    /// What the case passes, in its order, without the cookies.
    #[serde(default = "Value::empty_dict")]
    pub arguments: Value,
    /// returned, raised, exited, signalled, timed-out, out-of-memory, corrupted or cut-off.
    pub ending: String,
    /// What it returned, raised or ended with, as Python would write it.
    pub result: Option<String>,
    /// Where it ended, innermost first.
    #[serde(default)]
    pub frames: Vec<Place>,
    /// What it wrote.
    #[serde(default)]
    pub stdout: Output,
    /// What it wrote.
    #[serde(default)]
    pub stderr: Output,
    /// How long it took.
    #[serde(default)]
    pub elapsed_ms: f64,
    /// Files that lay in the session's folders after the call.
    #[serde(default)]
    pub files: Vec<String>,
}

/// What a call wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Output {
    /// The beginning and, where it was long, the end.
    pub text: String,
    /// How many bytes were written in all.
    pub bytes: u64,
}
