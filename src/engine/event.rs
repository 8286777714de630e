//! [`Event`].

use crate::{
    engine::{CoverageEvent, FuzzProgress, ReportedFinding},
    finding::Finding,
};

/// What happens while a run goes on. Reporters listen and decide nothing.
#[derive(Clone, Debug)]
pub enum Event {
    /// How far a run with a known end is.
    Progress {
        /// Sessions that ran.
        sessions: u64,
        /// Sessions that the run has.
        of: Option<u64>,
        /// Calls that ran.
        calls: u64,
        /// Findings that were confirmed.
        findings: usize,
    },
    /// A candidate finding is reproduced and shrunk now, which takes some time.
    Confirming {
        /// The candidate.
        finding: Finding,
    },
    /// A finding was confirmed and shrunk, and is on disk.
    Found(Box<ReportedFinding>),
    /// Fuzzing ran something for the first time.
    NewCoverage(CoverageEvent),
    /// How far fuzzing is; about ten times a second.
    FuzzProgress(FuzzProgress),
    /// A note for the user before the end of the run. The summary has it too.
    Note(String),
}
