//! What a call costs and what a runner holds: measured by the worker, for whoever asks how much a plugin carries. Nothing
//! is measured unless it is asked for.

use std::time::Duration;

/// What a call cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallUsage {
    /// When it began, in nanoseconds of the monotonic clock, which host and worker share.
    pub began_ns: u64,
    /// Processor time, child processes that it waited for included.
    pub cpu: Duration,
    /// The most memory that the process ever had resident, interpreter and plugin included, in bytes.
    pub peak_bytes: u64,
}

/// What a process of many sessions holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Memory that is resident, in bytes.
    pub memory_bytes: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}
