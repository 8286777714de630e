//! What a call costs and what a process uses, for `load`. The worker measures it only on request.

use std::time::Duration;

/// What a call cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallUsage {
    /// When it began, in nanoseconds of the monotonic clock, which host and worker share.
    pub began_ns: u64,
    /// Processor time, including that of child processes that it waited for.
    pub cpu: Duration,
    /// The most memory that the process ever had resident, in bytes, including interpreter and plugin.
    pub peak_bytes: u64,
}

/// What a process that runs many sessions uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}
