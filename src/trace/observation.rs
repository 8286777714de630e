//! What an instrumented worker adds to a trace: the edges of the plugin's own code that ran and the values that it
//! compared. They guide the fuzzer.

use super::{CallUsage, CmpLogEntry, ProcessUsage, Trace};

/// What a worker records while sessions run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Instrumentation {
    /// Edges that are new to this worker.
    #[default]
    NewEdges,
    /// All edges, and comparisons; before CPython 3.12 also all lines, which are a sample otherwise. Costs about twice
    /// as much time: for sessions that deserve a closer look.
    Comparisons,
}

/// A trace with what the instrumentation recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// The trace.
    pub trace: Trace,
    /// Edges of the plugin's own code that ran, ascending, each once. Under [`Instrumentation::NewEdges`] it is empty
    /// if no edge, with its bucket, is new to this worker; otherwise it holds all edges of the session.
    pub edges: Vec<Edge>,
    /// What the plugin compared, each once, at most [`CMP_LOG_LIMIT`](super::CMP_LOG_LIMIT). Empty under
    /// [`Instrumentation::NewEdges`], and for a session that ended its process.
    pub comparisons: Vec<CmpLogEntry>,
    /// What the calls cost, where it was measured: one entry for each call whose process survived.
    pub usage: Vec<CallUsage>,
    /// What the process used afterwards, for some of the sessions where it is measured.
    pub process_usage: Option<ProcessUsage>,
}

/// A step from one line of the plugin's code to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// A hash below [`Edge::COUNT`], the same in every process and on every host for the same source.
    pub number: u32,
    /// How often it ran in the session, as a bucket from 0: once, twice, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more.
    pub bucket: u8,
}

impl Edge {
    /// How many numbers there are.
    pub const COUNT: usize = 1 << 16;

    /// The bucket of an edge that ran `times` times, at least once.
    pub(crate) const fn bucket_of(times: u32) -> u8 {
        match times {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4..=7 => 3,
            8..=15 => 4,
            16..=31 => 5,
            32..=127 => 6,
            _ => 7,
        }
    }
}
