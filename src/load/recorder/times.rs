//! A distribution of times, [`Times`], in memory that does not grow: an HDR histogram of microseconds up to an hour.
//!
//! What is longer counts as an hour in the percentiles; least and most are exact. `Fine` ones, of the whole run, are
//! off by at most 0.05 % and take about 190 kB; `Coarse` ones, of slices and rounds, by at most 0.4 % and 14 kB. An
//! empty one takes nothing but its own struct, since most slices see one hook or none.

use std::time::Duration;

use hdrhistogram::{Counter, Histogram};

use crate::load::measured::Percentiles;

/// The longest time that is told from longer ones.
const MOST_US: u64 = 3_600_000_000;

/// Times of a slice or round.
pub(super) type Coarse = Times<u32, 2>;

/// Times of the whole run.
pub(super) type Fine = Times<u64, 3>;

/// Times, counted in `C` and told apart in `DIGITS` digits.
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
    /// Takes one in.
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

    /// Takes in all that `other` has.
    pub(super) fn absorb(&mut self, other: Self) {
        self.least_us = self.least_us.min(other.least_us);
        self.most_us = self.most_us.max(other.most_us);
        match (&mut self.histogram, other.histogram) {
            (Some(mine), Some(theirs)) => mine.add(&*theirs).expect("both have the same bounds"),
            (mine @ None, theirs) => *mine = theirs,
            (Some(_), None) => {}
        }
    }

    /// Forgets all, and keeps the memory.
    pub(super) fn clear(&mut self) {
        (self.least_us, self.most_us) = (u64::MAX, 0);
        if let Some(histogram) = &mut self.histogram {
            histogram.reset();
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, |histogram| histogram.len())
    }

    /// The least time that so large a part was at most as long as; 0 where there is none.
    pub(super) fn quantile_ms(&self, quantile: f64) -> f64 {
        let Some(histogram) = self.histogram.as_ref().filter(|histogram| !histogram.is_empty()) else {
            return 0.0;
        };
        // The middle of the class, which is off by half as much as its end.
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

    /// What it allocated.
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
    fn none_is_all_zeros() {
        assert_eq!(Fine::default().percentiles(), Percentiles::default());
        assert_eq!(Fine::default().bytes(), 0);
    }

    #[test]
    fn one_time_is_all_of_the_percentiles_exactly() {
        let mut times = Coarse::default();
        times.record(Duration::from_micros(50_417));
        let all = times.percentiles();
        assert_eq!((all.p50_ms, all.p99_9_ms, all.max_ms), (50.417, 50.417, 50.417));
    }

    #[test]
    fn what_is_longer_than_an_hour_keeps_its_length_as_the_longest() {
        let mut times = Fine::default();
        times.record(Duration::from_secs(2 * 3600));
        times.record(Duration::from_secs(1));
        assert_eq!(times.max_ms(), 7_200_000.0);
        assert!((3_598_000.0..3_602_000.0).contains(&times.quantile_ms(0.99)), "as an hour");
        times.record(Duration::MAX);
        assert_eq!(times.count(), 3);
    }

    #[test]
    fn what_was_cleared_is_as_new_but_for_its_memory() {
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
