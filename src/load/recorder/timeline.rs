//! [`Timeline`]: the run in at most 240 slices of equal length, for charts. Each slice has the latencies of its
//! sessions as a distribution, so percentiles are right also for merged slices.

use std::time::Duration;

use super::{
    series::{Cell, Series},
    times::Coarse,
};
use crate::load::{measured::Slice, numbers::rounded};

/// How many slices there are at most.
const SLICES: usize = 240;

/// The length of the shortest slice: with fewer sessions in a slice, a chart is not readable.
const LENGTH_LEAST: Duration = Duration::from_millis(250);

/// Sessions at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Now {
    pub(super) in_flight: u64,
    pub(super) waiting: u64,
}

/// What happened over time.
#[derive(Debug)]
pub(super) struct Timeline(Series<SliceCell>);

/// A slice while it is recorded.
#[derive(Debug, Default)]
pub(super) struct SliceCell {
    pub(super) sessions: Coarse,
    pub(super) due: u64,
    pub(super) errors: u64,
    /// At its end; `None` if nothing happened in it, so that nothing changed.
    at_end: Option<Now>,
}

impl Cell for SliceCell {
    fn absorb(&mut self, later: Self) {
        self.sessions.absorb(later.sessions);
        self.due += later.due;
        self.errors += later.errors;
        self.at_end = later.at_end.or(self.at_end);
    }
}

impl Timeline {
    /// For a run of about `duration`.
    pub(super) fn new(duration: Duration) -> Self {
        let length = if duration == Duration::MAX { LENGTH_LEAST } else { duration / (SLICES as u32 / 2) };
        Self(Series::folding(length.max(LENGTH_LEAST), SLICES))
    }

    /// The slice of this moment; `now` is the state until then.
    pub(super) fn at(&mut self, at: Duration, now: Now) -> &mut SliceCell {
        if let Some(last) = self.0.last_mut() {
            last.at_end = Some(now);
        }
        self.0.at(at)
    }

    /// The slices of a run that ended after `elapsed`.
    pub(super) fn slices(mut self, elapsed: Duration, now: Now) -> Vec<Slice> {
        if let Some(last) = self.0.last_mut() {
            last.at_end = Some(now);
        }
        let length = self.0.length().as_secs_f64();
        let lengths = lengths(self.0.cells().len(), length, elapsed.as_secs_f64());
        let cells = merge_tail(self.0.into_cells(), lengths.len());
        let mut before = Now::default();
        let slice = |(index, (cell, seconds)): (usize, (SliceCell, f64))| {
            before = cell.at_end.unwrap_or(before);
            Slice {
                at_seconds: rounded(index as f64 * length),
                seconds: rounded(seconds),
                offered_rate: rounded(cell.due as f64 / seconds),
                achieved_rate: rounded(cell.sessions.count() as f64 / seconds),
                in_flight: before.in_flight,
                waiting: before.waiting,
                p50_ms: cell.sessions.quantile_ms(0.5),
                p99_ms: cell.sessions.quantile_ms(0.99),
                max_ms: cell.sessions.max_ms(),
                errors: cell.errors,
            }
        };
        cells.into_iter().zip(lengths).enumerate().map(slice).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.bytes(|cell| cell.sessions.bytes())
    }
}

/// The lengths of `cells` cells in seconds, if cells have `length` and the last one ends at `elapsed`. A last cell that
/// is less than half as long as the others would show only chance, and belongs to the one before.
pub(super) fn lengths(cells: usize, length: f64, elapsed: f64) -> Vec<f64> {
    let mut lengths = vec![length; cells];
    let Some(last) = lengths.last_mut() else { return lengths };
    let rest = elapsed - (cells - 1) as f64 * length;
    if cells > 1 && rest < length / 2.0 {
        lengths.pop();
        lengths[cells - 2] = length + rest.max(0.0);
    } else {
        // Never 0: rates are divided by it.
        *last = rest.max(0.001);
    }
    lengths
}

/// Merges the last cells if there are more than `count`.
pub(super) fn merge_tail<C: Cell>(mut cells: Vec<C>, count: usize) -> Vec<C> {
    while cells.len() > count.max(1) {
        let (later, before) = (cells.pop(), cells.last_mut());
        if let (Some(later), Some(before)) = (later, before) {
            before.absorb(later);
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_in_which_nothing_happened_is_like_the_end_of_the_one_before() {
        let mut timeline = Timeline::new(Duration::from_secs(30));
        timeline.at(Duration::from_millis(100), Now::default()).due += 1;
        timeline.at(Duration::from_millis(900), Now { in_flight: 1, waiting: 0 }).due += 1;
        let slices = timeline.slices(Duration::from_secs(1), Now { in_flight: 1, waiting: 1 });
        let seen: Vec<_> = slices.iter().map(|slice| (slice.offered_rate, slice.in_flight, slice.waiting)).collect();
        assert_eq!(seen, [(4.0, 1, 0), (0.0, 1, 0), (0.0, 1, 0), (4.0, 1, 1)]);
    }

    #[test]
    fn merged_slices_have_the_percentiles_of_all_their_sessions() {
        let mut timeline = Timeline::new(Duration::from_secs(1));
        for ms in 0..120_000u64 {
            let slow = if ms >= 60_000 { 400 } else { 100 };
            timeline.at(Duration::from_millis(ms), Now::default()).sessions.record(Duration::from_millis(slow));
        }
        let slices = timeline.slices(Duration::from_secs(120), Now::default());
        assert_eq!(slices.len(), 240);
        let (first, last) = (slices[0], slices[239]);
        assert!((first.p50_ms - 100.0).abs() < 1.0 && (last.p50_ms - 400.0).abs() < 2.0);
        assert!(slices.iter().all(|slice| slice.achieved_rate == 1000.0));
    }

    #[test]
    fn a_very_short_last_slice_belongs_to_the_one_before() {
        assert_eq!(lengths(3, 10.0, 25.0), [10.0, 10.0, 5.0]);
        assert_eq!(lengths(3, 10.0, 21.0), [10.0, 11.0]);
        assert_eq!(lengths(1, 10.0, 2.0), [2.0]);
        assert_eq!(lengths(1, 10.0, 0.0), [0.001]);
        assert_eq!(lengths(2, 10.0, 35.0), [10.0, 25.0], "a last cell without an end takes the rest");
        assert!(lengths(0, 10.0, 5.0).is_empty());
    }
}
