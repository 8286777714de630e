//! [`Backlog`]: how many sessions were due and had not ended, at any moment of the run. It distinguishes a plugin that
//! cannot keep up from one that stalled and caught up.
//!
//! Moments are exact to about a two-thousandth of the run, in about 32 kB.

use std::time::Duration;

use super::series::{Cell, Series};

/// How many cells there are at most.
const CELLS: usize = 2048;

/// Their length at the start.
const LENGTH: Duration = Duration::from_millis(1);

/// Fewer sessions than this are no queue.
const QUEUE_LEAST: f64 = 3.0;

/// Sessions that were due and that ended, over time.
#[derive(Debug)]
pub(super) struct Backlog(Series<Counts>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    due: u64,
    ended: u64,
}

impl Cell for Counts {
    fn absorb(&mut self, later: Self) {
        self.due += later.due;
        self.ended += later.ended;
    }
}

impl Backlog {
    pub(super) fn new() -> Self {
        Self(Series::folding(LENGTH, CELLS))
    }

    pub(super) fn due(&mut self, at: Duration) {
        self.0.at(at).due += 1;
    }

    pub(super) fn ended(&mut self, at: Duration) {
        self.0.at(at).ended += 1;
    }

    /// How many sessions were due and how many had ended before `moment`.
    fn until(&self, moment: Duration) -> (f64, f64) {
        let cells = moment.as_secs_f64() / self.0.length().as_secs_f64();
        let (mut due, mut ended) = (0.0, 0.0);
        for (index, cell) in self.0.cells().iter().enumerate() {
            // The part of the cell before the moment.
            let part = (cells - index as f64).clamp(0.0, 1.0);
            due += part * cell.due as f64;
            ended += part * cell.ended as f64;
        }
        (due, ended)
    }

    /// Whether sessions came faster than they were served until the end of the schedule: fewer than 95 % had ended by
    /// then, and the number of the others grew during its second half. After a stall in the middle, this number falls.
    pub(super) fn is_saturated(&self, scheduled: Duration) -> bool {
        let unfinished = |part| {
            let (due, ended) = self.until(scheduled.mul_f64(part));
            due - ended
        };
        let (due, ended) = self.until(scheduled);
        let at_end = due - ended;
        ended < 0.95 * due
            && at_end >= QUEUE_LEAST
            && at_end >= 1.5 * unfinished(0.5)
            && at_end >= 1.1 * unfinished(0.75)
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.bytes(|_| 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict on one server that needs `service_ms(at_ms)` for a session, at a session every `every_ms`.
    fn is_saturated(every_ms: u64, seconds: u64, service_ms: impl Fn(u64) -> u64) -> bool {
        let (mut backlog, mut free) = (Backlog::new(), 0);
        for due in (0..seconds * 1000).step_by(every_ms as usize) {
            backlog.due(Duration::from_millis(due));
            let begin = free.max(due);
            free = begin + service_ms(begin);
            backlog.ended(Duration::from_millis(free));
        }
        backlog.is_saturated(Duration::from_secs(seconds))
    }

    #[test]
    fn twice_the_capacity_is_saturated_and_eight_tenths_are_not() {
        for seconds in [2, 10, 3600] {
            assert!(is_saturated(25, seconds, |_| 50));
            assert!(!is_saturated(63, seconds, |_| 50));
        }
    }

    #[test]
    fn a_stall_is_no_saturation_even_if_the_plugin_did_not_catch_up() {
        let stall = |at: u64| if (4_000..4_050).contains(&at) { 2_000 } else { 40 };
        assert!(!is_saturated(50, 10, stall), "caught up");
        let stall = |at: u64| if (4_000..4_050).contains(&at) { 2_000 } else { 47 };
        assert!(!is_saturated(50, 10, stall), "nearly all of the queue is left at the end, but it becomes shorter");
    }

    #[test]
    fn a_plugin_that_becomes_slower_and_slower_is_saturated_in_the_end() {
        assert!(is_saturated(50, 20, |at| 20 + at / 250));
    }

    #[test]
    fn sessions_that_only_take_long_are_no_queue() {
        let mut backlog = Backlog::new();
        for due in 0..10 {
            backlog.due(Duration::from_secs(due));
            backlog.ended(Duration::from_secs(due + 5));
        }
        assert!(!backlog.is_saturated(Duration::from_secs(10)), "five are in flight at any time");
    }

    #[test]
    fn nothing_at_all_is_not_saturated() {
        assert!(!Backlog::new().is_saturated(Duration::from_secs(10)));
        assert!(!Backlog::new().is_saturated(Duration::ZERO));
    }
}
