//! How a campaign went over time: [`History`] listens to its events, from any thread, and keeps a few points of them.
//!
//! Bounded however long the run is: when it is full, every second point goes and new ones come half as often. What a
//! campaign counted in the end is added by the report itself, so that the last point is the end.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::engine::Event;

/// The most points that are kept, the end left out.
const POINTS: usize = 119;

/// How far a campaign was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Since the beginning.
    pub at: Duration,
    /// Sessions that ran.
    pub sessions: u64,
    /// Calls that ran.
    pub calls: u64,
    /// Findings that were confirmed.
    pub findings: usize,
    /// Lines of the plugin's own files that ran, where the campaign counts them meanwhile.
    pub lines_hit: Option<u64>,
}

/// Keeps points of a campaign.
#[derive(Debug)]
pub struct History {
    began: Instant,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    points: Vec<Point>,
    /// How far points are apart at least.
    apart: Duration,
}

impl Default for History {
    fn default() -> Self {
        Self { began: Instant::now(), kept: Mutex::default() }
    }
}

impl History {
    /// Takes an event in.
    pub fn listen(&self, event: &Event) {
        let at = self.began.elapsed();
        let point = match event {
            Event::Progress { sessions, calls, findings, .. } => {
                Point { at, sessions: *sessions, calls: *calls, findings: *findings, lines_hit: None }
            }
            Event::FuzzProgress(pulse) => Point {
                at,
                sessions: pulse.sessions,
                calls: pulse.calls,
                findings: pulse.findings,
                lines_hit: Some(pulse.lines_hit as u64),
            },
            _ => return,
        };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).add(point);
    }

    /// The points so far, in order: neither times nor counts ever become less.
    pub fn points(&self) -> Vec<Point> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).points.clone()
    }

    /// The time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Kept {
    fn add(&mut self, point: Point) {
        if let Some(last) = self.points.last() {
            // Events of several threads may overtake each other.
            let is_later = point.at >= last.at && point.sessions >= last.sessions && point.calls >= last.calls;
            if !is_later || point.at < last.at + self.apart {
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
            self.apart = point.at * 2 / POINTS as u32;
        }
        self.points.push(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(second: u64) -> Point {
        Point {
            at: Duration::from_secs(second),
            sessions: second * 10,
            calls: second * 30,
            findings: 0,
            lines_hit: None,
        }
    }

    #[test]
    fn a_long_run_is_told_in_few_points_that_reach_from_its_beginning_to_its_end() {
        let mut kept = Kept::default();
        for second in 0..100_000 {
            kept.add(point(second));
            assert!(kept.points.len() <= POINTS);
        }
        let seconds: Vec<u64> = kept.points.iter().map(|point| point.at.as_secs()).collect();
        assert!(seconds.is_sorted() && seconds.len() >= POINTS / 2, "{seconds:?}");
        let widest = seconds.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest <= 4 * 100_000 / POINTS as u64, "{seconds:?}");
        assert!(seconds[0] <= widest && 100_000 - seconds[seconds.len() - 1] <= widest, "{seconds:?}");
    }

    #[test]
    fn an_event_that_comes_too_late_is_passed_over() {
        let mut kept = Kept::default();
        kept.add(point(5));
        kept.add(Point { sessions: 1, ..point(6) });
        kept.add(point(7));
        assert_eq!(kept.points, [point(5), point(7)]);
    }

    #[test]
    fn only_events_that_count_become_points() {
        let history = History::default();
        history.listen(&Event::Note("slow".into()));
        assert_eq!(history.points(), []);
        history.listen(&Event::Progress { sessions: 4, of: None, calls: 9, findings: 1 });
        let [point] = history.points()[..] else { panic!("one event is one point") };
        assert_eq!((point.sessions, point.calls, point.findings, point.lines_hit), (4, 9, 1, None));
    }
}
