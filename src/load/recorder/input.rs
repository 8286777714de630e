//! What is recorded: [`RunShape`], [`CallTimes`].

use std::time::Duration;

use crate::{contract::Hook, load::Arrivals};

/// What is known of a run before it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct RunShape {
    /// How long sessions will be due, `Schedule::length`; `Duration::MAX` if that is unknown.
    pub duration: Duration,
    /// Into how many rounds the run is divided, up to 64.
    pub rounds: usize,
    /// How many calls, or persistent sessions, may run at once.
    pub in_flight: usize,
    /// How calls share processes: `isolated` or `persistent`.
    pub isolation: String,
    /// How sessions are spread.
    pub arrivals: Arrivals,
    /// The rate of the schedule.
    pub offered_rate: f64,
}

/// The measurements of one call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallTimes {
    /// The hook that was called.
    pub hook: Hook,
    /// When it ended, since the start of the run.
    pub at: Duration,
    /// From the moment when it was due to its end.
    pub latency: Duration,
    /// The part of the latency in which it waited for a worker.
    pub waiting: Duration,
    /// The part of the latency that the plugin took.
    pub plugin: Duration,
    /// Processor time, with child processes.
    pub cpu: Duration,
    /// The most memory that its process had.
    pub peak_bytes: u64,
    /// Whether it did not return.
    pub is_error: bool,
}
