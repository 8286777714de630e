//! [`LoadProgress`].

use std::time::Duration;

/// How far a run is, for the progress line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadProgress {
    /// Time since the start.
    pub elapsed: Duration,
    /// Sessions that ended.
    pub sessions: u64,
    /// Calls that ended.
    pub calls: u64,
    /// Calls that did not return.
    pub errors: u64,
    /// Sessions that have started and not ended.
    pub in_flight: u64,
    /// Sessions that are due and have not started.
    pub waiting: u64,
    /// Sessions that ended in the last few seconds, per second.
    pub achieved_rate: f64,
    /// The median latency of these sessions.
    pub p50_ms: f64,
    /// Their 99th percentile.
    pub p99_ms: f64,
}
