//! [`Series`]: time in cells of equal length, and never more cells than a given number.
//!
//! If there would be one too many, neighbours are merged in pairs, and cells are twice as long from then on. So a run
//! of an hour and a run of a week cost the same, and all cells of a run have the same length.

use std::time::Duration;

/// What is recorded in a period of time.
pub(super) trait Cell: Default {
    /// Adds the record of the period that follows directly.
    fn absorb(&mut self, later: Self);
}

/// The cells from the start on.
#[derive(Debug)]
pub(super) struct Series<C> {
    cells: Vec<C>,
    length_us: u64,
    most: usize,
    is_folding: bool,
}

impl<C: Cell> Series<C> {
    /// Cells of `length` at the start, at most `most`, which is even.
    pub(super) fn folding(length: Duration, most: usize) -> Self {
        Self { cells: Vec::with_capacity(most), length_us: micros(length).max(1), most, is_folding: true }
    }

    /// Exactly `most` cells of `length`. The last one has no end.
    pub(super) fn fixed(length: Duration, most: usize) -> Self {
        Self { cells: Vec::with_capacity(most), length_us: micros(length).max(1), most, is_folding: false }
    }

    /// The cell of this moment.
    pub(super) fn at(&mut self, at: Duration) -> &mut C {
        let at_us = micros(at);
        while self.is_folding && at_us / self.length_us >= self.most as u64 {
            self.fold();
        }
        let index = (at_us / self.length_us).min(self.most as u64 - 1) as usize;
        while self.cells.len() <= index {
            self.cells.push(C::default());
        }
        &mut self.cells[index]
    }

    fn fold(&mut self) {
        let mut folded = Vec::with_capacity(self.most);
        let mut cells = std::mem::take(&mut self.cells).into_iter();
        while let Some(mut cell) = cells.next() {
            if let Some(later) = cells.next() {
                cell.absorb(later);
            }
            folded.push(cell);
        }
        self.cells = folded;
        self.length_us = self.length_us.saturating_mul(2);
    }

    /// The length of a cell.
    pub(super) fn length(&self) -> Duration {
        Duration::from_micros(self.length_us)
    }

    /// All cells until the last one in which something happened.
    pub(super) fn cells(&self) -> &[C] {
        &self.cells
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut C> {
        self.cells.last_mut()
    }

    pub(super) fn into_cells(self) -> Vec<C> {
        self.cells
    }

    /// The allocated bytes; `inner` returns those of a cell.
    pub(super) fn bytes(&self, inner: impl Fn(&C) -> usize) -> usize {
        self.cells.capacity() * size_of::<C>() + self.cells.iter().map(inner).sum::<usize>()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Moments(Vec<u64>);

    impl Cell for Moments {
        fn absorb(&mut self, later: Self) {
            self.0.extend(later.0);
        }
    }

    #[test]
    fn neighbours_are_merged_and_everything_stays_in_its_period() {
        let mut series = Series::<Moments>::folding(Duration::from_secs(1), 4);
        for second in 0..37 {
            series.at(Duration::from_secs(second)).0.push(second);
            assert!(series.cells().len() <= 4);
        }
        assert_eq!(series.length(), Duration::from_secs(16));
        let kept: Vec<_> = series.into_cells().into_iter().map(|cell| cell.0).collect();
        assert_eq!(kept, [(0..16).collect::<Vec<_>>(), (16..32).collect(), (32..37).collect()]);
    }

    #[test]
    fn what_comes_after_the_end_of_fixed_cells_is_in_the_last() {
        let mut series = Series::<Moments>::fixed(Duration::from_secs(10), 3);
        for second in [5, 25, 900] {
            series.at(Duration::from_secs(second)).0.push(second);
        }
        let kept: Vec<_> = series.into_cells().into_iter().map(|cell| cell.0).collect();
        assert_eq!(kept, [vec![5], vec![], vec![25, 900]]);
    }

    #[test]
    fn no_moment_is_too_late() {
        let mut series = Series::<Moments>::folding(Duration::ZERO, 4);
        series.at(Duration::MAX).0.push(1);
        series.at(Duration::ZERO).0.push(0);
        assert!(series.cells().len() <= 4);
        assert_eq!(series.cells().iter().map(|cell| cell.0.len()).sum::<usize>(), 2);
    }
}
