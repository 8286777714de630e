//! [`RunClock`].

use std::time::Duration;

use crate::runtime::protocol::shared::now_ns;

/// The time since the start of a run, on the clock that host and workers share.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunClock {
    began_ns: u64,
}

impl RunClock {
    /// Starts after `lead`; until then it stands at 0.
    pub(super) fn start_in(lead: Duration) -> Self {
        Self { began_ns: now_ns() + u64::try_from(lead.as_nanos()).unwrap_or(0) }
    }

    /// The time since the start.
    pub(super) fn now(self) -> Duration {
        self.at(now_ns())
    }

    /// A time of the clock; 0 if it is before the start.
    pub(super) fn at(self, ns: u64) -> Duration {
        Duration::from_nanos(ns.saturating_sub(self.began_ns))
    }
}
