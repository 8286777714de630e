//! What a session did inside the plugin's own code: the edges that it ran and the values that it compared. An
//! instrumented worker records this, and the fuzzer is guided by it.

use super::{CallUsage, CmpLogEntry, ProcessUsage, Trace};

/// What is watched while sessions run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Instrumentation {
    /// Edges, as far as they are new to this worker.
    #[default]
    NewEdges,
    /// All edges, and comparisons; before CPython 3.12 also all lines, which are a sample otherwise. Costs about twice as
    /// much: for sessions that are worth a closer look.
    Comparisons,
}

/// A trace with what was watched meanwhile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// The trace.
    pub trace: Trace,
    /// Edges of the plugin's own code that ran, ascending, each once. Under [`Instrumentation::NewEdges`] empty when none of them,
    /// as often as they ran, is new to this worker; otherwise all of the session's.
    pub edges: Vec<Edge>,
    /// What the plugin compared, each once, at most [`CMP_LOG_LIMIT`]; empty under [`Instrumentation::NewEdges`], and for a
    /// session that ended its process.
    pub comparisons: Vec<CmpLogEntry>,
    /// What the calls cost, where that was asked for: one for each call that lived to tell.
    pub usage: Vec<CallUsage>,
    /// What the process held afterwards, now and then where it was asked for.
    pub process_usage: Option<ProcessUsage>,
}

/// From one line of the plugin's code to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// Its number: a hash below [`Edge::COUNT`], the same in every process and on every host for the same source.
    pub number: u32,
    /// How often it ran in the session, as a bucket from 0: once, twice, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more.
    pub bucket: u8,
}

impl Edge {
    /// How many numbers there are.
    pub const COUNT: usize = 1 << 16;

    /// The bucket of something that ran `times` times, at least once.
    pub const fn bucket_of(times: u32) -> u8 {
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

/// How many comparisons of a session are told at most.
pub const CMP_LOG_LIMIT: usize = 256;
