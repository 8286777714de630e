//! What fuzzing reports of itself: how far it is, what is new, and what it learned in the end.

use std::{path::PathBuf, time::Duration};

/// Why fuzzing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// All sessions ran.
    Runs,
    /// The time was over.
    Time,
    /// Nothing was new for long enough.
    Quiet,
    /// The user stopped it.
    Asked,
    /// Every session ran out of time.
    OnlyTimeouts,
}

impl EndReason {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Time => "time",
            Self::Quiet => "quiet",
            Self::Asked => "asked",
            Self::OnlyTimeouts => "only-timeouts",
        }
    }
}

/// What fuzzing learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuzzStats {
    /// Instrumented places of the plugin's code; 0 if nothing could be instrumented.
    pub instrumented: usize,
    /// Edges that ran.
    pub edges: usize,
    /// Features that were seen.
    pub features: usize,
    /// Testcases: sessions that had new coverage.
    pub entries: usize,
    /// Testcases that were not in the corpus before.
    pub entries_new: usize,
    /// When the last new edge ran, since the start; `None` if no edge ran.
    pub last_edge: Option<Duration>,
    /// Why fuzzing ended.
    pub ended: EndReason,
}

/// How far fuzzing is.
#[derive(Clone, Debug, PartialEq)]
pub struct FuzzProgress {
    /// Time since the start.
    pub elapsed: Duration,
    /// Sessions that ran.
    pub sessions: u64,
    /// Calls that ran.
    pub calls: u64,
    /// Lines of the plugin's own files that ran.
    pub lines_hit: usize,
    /// Lines with code.
    pub lines: usize,
    /// Edges that ran.
    pub edges: usize,
    /// Features that were seen.
    pub features: usize,
    /// Testcases: sessions that had new coverage.
    pub entries: usize,
    /// Findings that were confirmed.
    pub findings: usize,
    /// Time since the last new edge.
    pub since_edge: Duration,
}

/// A session with new coverage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageEvent {
    /// Time since the start.
    pub elapsed: Duration,
    /// Edges that never ran before.
    pub new_edges: usize,
    /// Edges that never ran so often before, new edges included.
    pub new_counts: usize,
    /// Features that were never seen before.
    pub new_features: usize,
    /// Edges that ran so far.
    pub edges: usize,
    /// The session's case, if one was written.
    pub case_path: Option<PathBuf>,
}
