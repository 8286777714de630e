//! What a campaign that learns tells of itself: how far it is, what is new, and what it came to in the end.

use std::{path::PathBuf, time::Duration};

/// Why a campaign ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All sessions ran.
    Runs,
    /// The time was up.
    Time,
    /// Nothing was new for long enough.
    Quiet,
    /// Somebody asked it to stop.
    Asked,
}

impl Ended {
    /// The word for it in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Time => "time",
            Self::Quiet => "quiet",
            Self::Asked => "asked",
        }
    }
}

/// What a campaign learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fuzzed {
    /// Places of the plugin's code that were watched; 0 where nothing was instrumented.
    pub instrumented: usize,
    /// Edges that ran.
    pub edges: usize,
    /// Outcomes that were seen.
    pub features: usize,
    /// Sessions that brought something new.
    pub entries: usize,
    /// Those of them that were not in the corpus before.
    pub entries_new: usize,
    /// When the last new edge ran, since the beginning; `None` where none did.
    pub last_edge: Option<Duration>,
    /// Why it ended.
    pub ended: Ended,
}

/// How far a campaign is.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulse {
    /// Since the beginning.
    pub elapsed: Duration,
    /// Sessions that ran.
    pub sessions: u64,
    /// Calls that ran.
    pub calls: u64,
    /// Lines of the plugin's own files that ran.
    pub lines_hit: usize,
    /// Lines that hold code.
    pub lines: usize,
    /// Edges that ran.
    pub edges: usize,
    /// Outcomes that were seen.
    pub features: usize,
    /// Sessions that brought something new.
    pub entries: usize,
    /// Findings that were confirmed.
    pub findings: usize,
    /// How long no new edge ran.
    pub since_edge: Duration,
}

/// Something that ran for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Since the beginning.
    pub elapsed: Duration,
    /// Edges that never ran before.
    pub new_edges: usize,
    /// Edges that never ran as often before, the new ones included.
    pub new_counts: usize,
    /// Outcomes that were never seen before.
    pub new_features: usize,
    /// Edges that ran so far.
    pub edges: usize,
    /// The case that shows it, where one was written.
    pub case_path: Option<PathBuf>,
}
