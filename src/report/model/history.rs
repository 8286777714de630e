//! [`History`] records how a run progressed: it listens to events, from any thread, and keeps a few [`HistoryPoint`]s.
//!
//! Bounded however long the run is: when it is full, every second point goes, and new points come half as often.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{engine::Event, load::rounded};

/// The most points that are kept; the report adds the end.
const POINTS: usize = 119;

/// How far a run was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryPoint {
    /// Since the beginning.
    pub at_seconds: f64,
    /// Sessions that ran.
    pub sessions: u64,
    /// Calls that ran.
    pub calls: u64,
    /// Confirmed findings.
    pub findings: usize,
    /// Lines of the plugin's own files that ran; null if they were not counted meanwhile.
    pub lines_hit: Option<u64>,
}

/// Records points of a run.
#[derive(Debug)]
pub struct History {
    began: Instant,
    recorded: Mutex<Recorded>,
}

#[derive(Debug, Default)]
struct Recorded {
    points: Vec<HistoryPoint>,
    /// The least time between two points.
    apart_seconds: f64,
}

impl Default for History {
    fn default() -> Self {
        Self { began: Instant::now(), recorded: Mutex::default() }
    }
}

impl History {
    /// Takes an event.
    pub fn listen(&self, event: &Event) {
        let at_seconds = seconds(self.began.elapsed());
        let point = match event {
            Event::Progress { sessions, calls, findings, .. } => {
                HistoryPoint { at_seconds, sessions: *sessions, calls: *calls, findings: *findings, lines_hit: None }
            }
            Event::FuzzProgress(pulse) => HistoryPoint {
                at_seconds,
                sessions: pulse.sessions,
                calls: pulse.calls,
                findings: pulse.findings,
                lines_hit: Some(pulse.lines_hit as u64),
            },
            _ => return,
        };
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).add(point);
    }

    /// The points so far and `end`, in order. Neither times nor counts decrease: of a run that failed, `end` may count
    /// less.
    pub(crate) fn points(&self, end: HistoryPoint) -> Vec<HistoryPoint> {
        let mut points = self.recorded.lock().unwrap_or_else(PoisonError::into_inner).points.clone();
        let end = points.last().map_or(end, |last| HistoryPoint {
            at_seconds: end.at_seconds,
            sessions: end.sessions.max(last.sessions),
            calls: end.calls.max(last.calls),
            findings: end.findings.max(last.findings),
            lines_hit: end.lines_hit.max(last.lines_hit),
        });
        points.push(end);
        points
    }

    /// The time since the beginning.
    pub(crate) fn elapsed_seconds(&self) -> f64 {
        seconds(self.began.elapsed())
    }
}

fn seconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64())
}

impl Recorded {
    fn add(&mut self, point: HistoryPoint) {
        if let Some(last) = self.points.last() {
            // Events of several threads may overtake each other.
            let is_later =
                point.at_seconds >= last.at_seconds && point.sessions >= last.sessions && point.calls >= last.calls;
            if !is_later || point.at_seconds < last.at_seconds + self.apart_seconds {
                return;
            }
        }
        if self.points.len() == POINTS {
            // Of each pair the later one stays.
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            self.apart_seconds = point.at_seconds * 2.0 / POINTS as f64;
        }
        self.points.push(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(second: u32) -> HistoryPoint {
        HistoryPoint {
            at_seconds: f64::from(second),
            sessions: u64::from(second) * 10,
            calls: u64::from(second) * 30,
            findings: 0,
            lines_hit: None,
        }
    }

    #[test]
    fn a_long_run_has_few_points_from_its_beginning_to_its_end() {
        let mut recorded = Recorded::default();
        for second in 0..100_000 {
            recorded.add(point(second));
            assert!(recorded.points.len() <= POINTS);
        }
        let seconds: Vec<f64> = recorded.points.iter().map(|point| point.at_seconds).collect();
        assert!(seconds.is_sorted() && seconds.len() >= POINTS / 2, "{seconds:?}");
        let widest = seconds.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        assert!(widest <= 4.0 * 100_000.0 / POINTS as f64, "{seconds:?}");
        assert!(seconds[0] <= widest && 100_000.0 - seconds[seconds.len() - 1] <= widest, "{seconds:?}");
    }

    #[test]
    fn an_event_that_comes_too_late_is_ignored_and_the_end_never_counts_less() {
        let history = History::default();
        let mut recorded = Recorded::default();
        recorded.add(point(5));
        recorded.add(HistoryPoint { sessions: 1, ..point(6) });
        recorded.add(HistoryPoint { lines_hit: Some(9), ..point(7) });
        *history.recorded.lock().unwrap() = recorded;
        let points = history.points(HistoryPoint { at_seconds: 8.0, ..point(0) });
        let last = HistoryPoint { lines_hit: Some(9), ..point(7) };
        assert_eq!(points, [point(5), last, HistoryPoint { at_seconds: 8.0, ..last }]);
    }

    #[test]
    fn only_events_that_count_become_points() {
        let history = History::default();
        history.listen(&Event::Note("slow".into()));
        history.listen(&Event::Progress { sessions: 4, of: None, calls: 9, findings: 1 });
        let [point, _] = history.points(point(0))[..] else { panic!("one event is one point, and there is the end") };
        assert_eq!((point.sessions, point.calls, point.findings, point.lines_hit), (4, 9, 1, None));
    }
}
