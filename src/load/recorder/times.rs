//! [`Times`]: a distribution of times in constant memory, an HDR histogram of microseconds up to an hour.
//!
//! A longer time counts as an hour in the percentiles; minimum and maximum are exact. `Fine` distributions, of the
//! whole run, have an error of at most 0.05 % and take about 190 kB; `Coarse` ones, of slices and rounds, at most 0.4 %
//! and 14 kB. An empty one takes only its own struct, because most slices have calls of one hook or of none.

use std::time::Duration;

use hdrhistogram::{Counter, Histogram};

use crate::load::measured::Percentiles;

/// The longest time that the histogram distinguishes.
const MOST_US: u64 = 3_600_000_000;

/// The times of a slice or round.
pub(super) type Coarse = Times<u32, 2>;

/// The times of the whole run.
pub(super) type Fine = Times<u64, 3>;

/// Times, counted in `C` with `DIGITS` significant digits.
#[derive(Clone, Debug)]
pub(super) struct Times<C: Counter, const DIGITS: u8> {
    histogram: Option<Box<Histogram<C>>>,
    least_us: u64,
    most_us: u64,
}

impl<C: Counter, const DIGITS: u8> Default for Times<C, DIGITS> {
    fn default() -> Self {
        Self { histogram: None, least_us: u64::MAX, most_us: 0 }
    }
}

impl<C: Counter, const DIGITS: u8> Times<C, DIGITS> {
    /// Adds a time.
    pub(super) fn record(&mut self, time: Duration) {
        let us = micros(time);
        self.least_us = self.least_us.min(us);
        self.most_us = self.most_us.max(us);
        self.histogram
            .get_or_insert_with(|| {
                let bounds = Histogram::new_with_bounds(1, MOST_US, DIGITS);
                Box::new(bounds.expect("the bounds are constants, and these are allowed"))
            })
            .saturating_record(us.min(MOST_US));
    }

    /// Adds all times of `other`.
    pub(super) fn absorb(&mut self, other: Self) {
        self.least_us = self.least_us.min(other.least_us);
        self.most_us = self.most_us.max(other.most_us);
        match (&mut self.histogram, other.histogram) {
            (Some(mine), Some(theirs)) => mine.add(&*theirs).expect("both have the same bounds"),
            (mine @ None, theirs) => *mine = theirs,
            (Some(_), None) => {}
        }
    }

    /// Removes all times, and keeps the memory.
    pub(super) fn clear(&mut self) {
        (self.least_us, self.most_us) = (u64::MAX, 0);
        if let Some(histogram) = &mut self.histogram {
            histogram.reset();
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, |histogram| histogram.len())
    }

    /// This part of the times was at most as long as the returned one; 0 if there are none.
    pub(super) fn quantile_ms(&self, quantile: f64) -> f64 {
        let Some(histogram) = self.histogram.as_ref().filter(|histogram| !histogram.is_empty()) else {
            return 0.0;
        };
        // The middle of the class has half the error of its end.
        let us = histogram.median_equivalent(histogram.value_at_quantile(quantile));
        in_ms(us.clamp(self.least_us, self.most_us))
    }

    pub(super) fn max_ms(&self) -> f64 {
        in_ms(self.most_us)
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        Percentiles {
            count: self.count(),
            p50_ms: self.quantile_ms(0.5),
            p90_ms: self.quantile_ms(0.9),
            p99_ms: self.quantile_ms(0.99),
            p99_9_ms: self.quantile_ms(0.999),
            max_ms: self.max_ms(),
        }
    }

    /// The allocated bytes.
    pub(super) fn bytes(&self) -> usize {
        let counts =
            |histogram: &Histogram<C>| size_of::<Histogram<C>>() + histogram.distinct_values() * size_of::<C>();
        self.histogram.as_deref().map_or(0, counts)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().saturating_add(500) / 1000).unwrap_or(u64::MAX)
}

fn in_ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_times_all_percentiles_are_0() {
        assert_eq!(Fine::default().percentiles(), Percentiles::default());
        assert_eq!(Fine::default().bytes(), 0);
    }

    #[test]
    fn a_single_time_is_exactly_all_percentiles() {
        let mut times = Coarse::default();
        times.record(Duration::from_micros(50_417));
        let all = times.percentiles();
        assert_eq!((all.p50_ms, all.p99_9_ms, all.max_ms), (50.417, 50.417, 50.417));
    }

    #[test]
    fn a_time_of_more_than_an_hour_is_exact_as_the_maximum() {
        let mut times = Fine::default();
        times.record(Duration::from_secs(2 * 3600));
        times.record(Duration::from_secs(1));
        assert_eq!(times.max_ms(), 7_200_000.0);
        assert!((3_598_000.0..3_602_000.0).contains(&times.quantile_ms(0.99)), "as an hour");
        times.record(Duration::MAX);
        assert_eq!(times.count(), 3);
    }

    #[test]
    fn a_cleared_distribution_is_empty_and_keeps_its_memory() {
        let mut times = Coarse::default();
        times.record(Duration::from_millis(7));
        times.clear();
        assert_eq!(times.percentiles(), Percentiles::default());
        assert!(times.bytes() > 0);
    }

    fn exact(sorted: &[u64], quantile: f64) -> f64 {
        let rank = ((quantile * sorted.len() as f64).ceil() as usize).max(1);
        sorted[rank - 1] as f64 / 1000.0
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_times(
            one in prop::collection::vec(0u64..20_000_000, 1..300),
            other in prop::collection::vec(0u64..50_000, 0..300),
        ) {
            let (mut fine, mut coarse, mut rest) = (Fine::default(), Coarse::default(), Coarse::default());
            for us in &one {
                fine.record(Duration::from_micros(*us));
                coarse.record(Duration::from_micros(*us));
            }
            for us in &other {
                fine.record(Duration::from_micros(*us));
                rest.record(Duration::from_micros(*us));
            }
            coarse.absorb(rest);
            let mut sorted = [one, other].concat();
            sorted.sort_unstable();
            for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
                let truth = exact(&sorted, quantile);
                prop_assert!((fine.quantile_ms(quantile) - truth).abs() <= truth * 0.0005 + 0.001);
                prop_assert!((coarse.quantile_ms(quantile) - truth).abs() <= truth * 0.004 + 0.001);
            }
            prop_assert_eq!(fine.count(), sorted.len() as u64);
            prop_assert_eq!(coarse.count(), fine.count());
            prop_assert_eq!(coarse.max_ms(), exact(&sorted, 1.0));
        }
    }
}
