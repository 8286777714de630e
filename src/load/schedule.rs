//! [`Schedule`]: when sessions are due. Depends only on rate, time and seed, and on nothing that happens during the
//! run.
//!
//! So the load is open-loop: a slow plugin does not delay the next session. The same arguments give the same moments,
//! in ascending order and constant memory. A ramp is exact: a session is due whenever the integral of the rate passes
//! the next whole number or, for random arrivals, the next sum of exponential steps.

use std::time::Duration;

use rand_xoshiro::{
    SplitMix64, Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

use crate::load::RateProfile;

/// How sessions are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly.
    #[default]
    Constant,
    /// At random, like people: each independent of the others.
    Poisson,
}

impl Arrivals {
    /// The name that users write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }
}

/// The moments when sessions are due, since the start, in ascending order.
#[derive(Clone, Debug)]
pub struct Schedule {
    from: f64,
    /// Half of the change of the rate in a second: the integral of the rate until `t` is `from * t + bend * t * t`.
    bend: f64,
    arrivals: Arrivals,
    duration: Duration,
    /// The integral of the rate over the whole duration.
    total: f64,
    sessions: Option<u64>,
    /// Moments that were returned.
    returned: u64,
    /// The integral of the rate until the next moment.
    integral: f64,
    random: Xoshiro256PlusPlus,
}

impl Schedule {
    /// Ends after `duration` or after `sessions`, whichever is first. `Duration::MAX` is no end. A ramp without an end
    /// would never rise, so the command line refuses the two together.
    pub fn new(profile: RateProfile, arrivals: Arrivals, duration: Duration, sessions: Option<u64>, seed: u64) -> Self {
        let (from, to, seconds) = (profile.from.get(), profile.to.get(), duration.as_secs_f64());
        let to = if duration == Duration::MAX { from } else { to };
        let bend = if seconds > 0.0 { (to - from) / (2.0 * seconds) } else { 0.0 };
        // The seed also makes the sessions. It is mixed first, so that schedule and sessions are independent.
        let random = Xoshiro256PlusPlus::seed_from_u64(!SplitMix64::seed_from_u64(seed).next_u64());
        let total = (from + to) / 2.0 * seconds;
        let mut schedule = Self { from, bend, arrivals, duration, total, sessions, returned: 0, integral: 0.0, random };
        if arrivals == Arrivals::Poisson {
            schedule.integral = schedule.exponential();
        }
        schedule
    }

    /// How long it is: the duration, or the mean time until so many sessions are due.
    pub fn length(&self) -> Duration {
        match self.sessions {
            Some(sessions) => self.moment(sessions as f64).map_or(self.duration, |end| end.min(self.duration)),
            None => self.duration,
        }
    }

    /// The mean of the rate over its [length](Self::length).
    pub fn offered_rate(&self) -> f64 {
        let seconds = self.length().as_secs_f64();
        self.from + self.bend * seconds
    }

    /// When the integral of the rate reaches `integral`; `None` if it never does.
    fn moment(&self, integral: f64) -> Option<Duration> {
        // The root of the quadratic equation in the form that is exact also if `bend` is zero.
        let root = (self.from * self.from + 4.0 * self.bend * integral).sqrt();
        Duration::try_from_secs_f64(2.0 * integral / (self.from + root)).ok()
    }

    /// An exponential step with mean 1.
    fn exponential(&mut self) -> f64 {
        // 53 bits, from 0 to less than 1.
        let uniform = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        -(1.0 - uniform).ln()
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        // A little less than the total: no session is due at the very end, and rounding must not add one.
        if self.integral >= self.total * (1.0 - 1e-12) || self.sessions.is_some_and(|most| self.returned >= most) {
            return None;
        }
        let due = self.moment(self.integral).filter(|due| *due < self.duration)?;
        self.returned += 1;
        self.integral = match self.arrivals {
            Arrivals::Constant => self.returned as f64,
            Arrivals::Poisson => self.integral + self.exponential(),
        };
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Rate;

    fn schedule(profile: &str, arrivals: Arrivals, seconds: u64, sessions: Option<u64>, seed: u64) -> Schedule {
        let profile = RateProfile::parse(profile).expect("the tests' profiles are right");
        Schedule::new(profile, arrivals, Duration::from_secs(seconds), sessions, seed)
    }

    fn gaps(moments: &[Duration]) -> Vec<f64> {
        moments.windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect()
    }

    #[test]
    fn constant_arrivals_are_evenly_spread_from_the_first_moment_and_end_before_the_last() {
        let moments: Vec<_> = schedule("50/s", Arrivals::Constant, 10, None, 1).collect();
        assert_eq!(moments.len(), 500);
        assert_eq!(moments[0], Duration::ZERO);
        assert!(gaps(&moments).iter().all(|gap| (gap - 0.02).abs() < 1e-6));
    }

    #[test]
    fn no_rounding_adds_a_session_at_the_very_end() {
        for (rate, count) in [("0.1", 1), ("0.3", 3), ("0.7", 7), ("3", 30), ("7", 70), ("33.3", 333), ("0.25", 3)] {
            assert_eq!(schedule(rate, Arrivals::Constant, 10, None, 1).count(), count, "{rate}");
        }
    }

    #[test]
    fn a_number_of_sessions_ends_what_has_no_end() {
        let profile = RateProfile::constant(Rate::parse("20/s").expect("a rate"));
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let schedule = Schedule::new(profile, arrivals, Duration::MAX, Some(1000), 3);
            assert_eq!(schedule.length(), Duration::from_secs(50));
            assert_eq!(schedule.offered_rate(), 20.0);
            assert_eq!(schedule.count(), 1000);
        }
        assert_eq!(schedule("20/s", Arrivals::Constant, 10, Some(1000), 3).count(), 200, "the time ends first");
    }

    #[test]
    fn an_endless_ramp_stays_where_it_begins() {
        let profile = RateProfile::parse("10..200/s").expect("a ramp");
        let schedule = Schedule::new(profile, Arrivals::Constant, Duration::MAX, Some(101), 3);
        assert_eq!(schedule.offered_rate(), 10.0);
        assert_eq!(schedule.last(), Some(Duration::from_secs(10)));
    }

    #[test]
    fn random_arrivals_have_the_mean_and_the_spread_of_a_poisson_process() {
        let moments: Vec<_> = schedule("100/s", Arrivals::Poisson, 200, None, 7).collect();
        assert!((19_500..20_500).contains(&moments.len()), "{}", moments.len());
        let gaps = gaps(&moments);
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean * 100.0 - 1.0).abs() < 0.03, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "exponential gaps spread as far as their mean");
        let mut counts = [0.0; 200];
        moments.iter().for_each(|moment| counts[moment.as_secs() as usize] += 1.0);
        let mean = counts.iter().sum::<f64>() / 200.0;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 200.0;
        assert!((0.75..1.3).contains(&(variance / mean)), "{variance} {mean}");
    }

    #[test]
    fn a_ramp_grows_in_a_straight_line() {
        for (arrivals, slack) in [(Arrivals::Constant, 1), (Arrivals::Poisson, 150)] {
            let schedule = schedule("0.0001..200/s", arrivals, 100, None, 5);
            assert!((schedule.offered_rate() - 100.0).abs() < 0.001);
            let (mut quarters, mut last) = ([0i64; 4], Duration::ZERO);
            for moment in schedule {
                assert!(moment >= last && moment < Duration::from_secs(100));
                quarters[(moment.as_secs() / 25) as usize] += 1;
                last = moment;
            }
            // The squares of 1, 2, 3, 4 a quarter, a sixteenth of 10,000 each.
            for (count, expected) in quarters.iter().zip([625, 1875, 3125, 4375]) {
                assert!((count - expected).abs() <= slack, "{arrivals:?}: {quarters:?}");
            }
        }
        let down: Vec<_> = schedule("20..0.1/s", Arrivals::Constant, 10, None, 5).collect();
        assert_eq!(down.len(), 101);
        assert!(gaps(&down).windows(2).all(|two| two[0] <= two[1] + 1e-6), "a ramp may also go down");
    }

    #[test]
    fn a_ramp_that_is_cut_short_offers_what_it_offered_until_then() {
        let schedule = schedule("10..30/s", Arrivals::Constant, 10, Some(75), 5);
        assert_eq!(schedule.length(), Duration::from_secs(5));
        assert_eq!(schedule.offered_rate(), 15.0);
    }

    #[test]
    fn the_same_seed_gives_the_same_moments_and_another_gives_others() {
        let moments = |seed| schedule("5..50/s", Arrivals::Poisson, 20, None, seed).collect::<Vec<_>>();
        assert_eq!(moments(9), moments(9));
        assert_ne!(moments(9), moments(10));
    }

    #[test]
    fn no_session_is_due_in_no_time() {
        assert_eq!(schedule("5..50/s", Arrivals::Constant, 0, None, 1).count(), 0);
        assert_eq!(schedule("50/s", Arrivals::Poisson, 10, Some(0), 1).count(), 0);
    }
}
