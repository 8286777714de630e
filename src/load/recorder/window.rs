//! [`Window`]: the sessions of the last seconds, for the progress line. A ring of seconds that are overwritten.

use std::time::Duration;

use super::times::Coarse;

/// How many complete seconds count, beside the current one.
const SECONDS: u64 = 5;

/// The seconds.
#[derive(Debug, Default)]
pub(super) struct Window([Second; SECONDS as usize + 1]);

#[derive(Debug, Default)]
struct Second {
    number: u64,
    sessions: Coarse,
}

/// Figures of the sessions that ended in the last seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Recent {
    pub(super) rate: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Window {
    pub(super) fn ended(&mut self, at: Duration, latency: Duration) {
        let number = at.as_secs();
        let second = &mut self.0[(number % (SECONDS + 1)) as usize];
        if second.number < number {
            second.number = number;
            second.sessions.clear();
        }
        // A session that is recorded too late for its own second is counted in another one.
        second.sessions.record(latency);
    }

    pub(super) fn recent(&self, at: Duration) -> Recent {
        let first = at.as_secs().saturating_sub(SECONDS);
        let mut all = Coarse::default();
        for second in self.0.iter().filter(|second| second.number >= first) {
            all.absorb(second.sessions.clone());
        }
        let span = (at.as_secs_f64() - first as f64).max(0.001);
        Recent { rate: all.count() as f64 / span, p50_ms: all.quantile_ms(0.5), p99_ms: all.quantile_ms(0.99) }
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|second| second.sessions.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_seconds_count() {
        let mut window = Window::default();
        for ms in (0..20_000).step_by(100) {
            let latency = if ms < 10_000 { 900 } else { 50 };
            window.ended(Duration::from_millis(ms), Duration::from_millis(latency));
        }
        let recent = window.recent(Duration::from_secs(20));
        assert_eq!((recent.rate, recent.p50_ms, recent.p99_ms), (10.0, 50.0, 50.0));
        assert_eq!(window.recent(Duration::from_secs(60)), Recent { rate: 0.0, p50_ms: 0.0, p99_ms: 0.0 });
    }

    #[test]
    fn at_the_start_the_rate_is_that_of_the_time_so_far() {
        let mut window = Window::default();
        window.ended(Duration::from_millis(300), Duration::from_millis(3));
        assert_eq!(window.recent(Duration::from_millis(500)).rate, 2.0);
    }
}
