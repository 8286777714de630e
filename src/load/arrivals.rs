//! When sessions are due: [`Schedule`], a row of moments that depends on rate, time and seed, and on nothing that
//! happens meanwhile.
//!
//! That is what makes the loop open: whoever is slow does not make the next session come later. The same arguments give
//! the same moments, in ascending order and in memory that does not grow. A ramp is exact: the moments are those at
//! which the sum of the rate passes the next whole number, or for random arrivals the next of a row of exponential
//! steps.

use std::{fmt, time::Duration};

use rand_xoshiro::{
    SplitMix64, Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

/// The most that may be asked for. Far beyond what a machine does, near enough that nothing overflows.
const RATE_MOST: f64 = 1e6;

/// The least: a session in about four months.
const RATE_LEAST: f64 = 1e-7;

/// What a rate may look like, for messages.
const RATES: &str = "write `50/s`, `3000/min` or `1200/h`";

/// Sessions per second: more than none.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// That many a second; none where that is no rate: nothing, less, or beyond a million.
    pub fn per_second(rate: f64) -> Option<Self> {
        (RATE_LEAST..=RATE_MOST).contains(&rate).then_some(Self(rate))
    }

    /// Reads `50/s`, `50`, `3000/min` or `1200/h`.
    ///
    /// # Examples
    /// ```
    /// use hookstorm::load::Rate;
    /// assert_eq!(Rate::parse("3000/min")?.to_string(), "50/s");
    /// # Ok::<(), String>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        Self::of(text, number, unit)
    }

    fn of(text: &str, number: &str, unit: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate: {RATES}");
        let seconds = seconds_of(unit.trim()).ok_or_else(wrong)?;
        let number = plain_number(number).ok_or_else(wrong)?;
        if number == 0.0 {
            return Err(format!("`{text}` is not a rate: no session would ever come; {RATES}"));
        }
        Self::per_second(number / seconds)
            .ok_or_else(|| format!("`{text}` is out of range: at most `1000000/s`, at least a session in four months"))
    }

    /// How many a second.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", significant(self.0, 4))
    }
}

/// How long a unit of rates is.
pub(super) fn seconds_of(unit: &str) -> Option<f64> {
    match unit {
        "s" | "sec" => Some(1.0),
        "m" | "min" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    }
}

/// A number of digits with at most one point between them: none of the forms that Rust reads besides, `1e3`, `inf`,
/// `.5`.
pub(super) fn plain_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_plain = is_plain && !text.starts_with('.') && !text.ends_with('.');
    is_plain.then(|| text.parse().ok()).flatten()
}

/// `value` with so many digits that count, zeros behind the point left out; all of a larger whole number.
pub(super) fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".into();
    }
    let decimals = (digits - 1 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// How the rate goes over the time of a schedule: from one to the other in a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// The rate in the beginning.
    pub from: Rate,
    /// The rate at the end.
    pub to: Rate,
}

impl Profile {
    /// The same rate all the time.
    pub fn constant(rate: Rate) -> Self {
        Self { from: rate, to: rate }
    }

    /// Reads `10..200/s`, where the unit holds for both, or a rate that stays.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((from, to)) = text.split_once("..") else {
            return Rate::parse(text).map(Self::constant);
        };
        let wrong = || format!("`{text}` is not a ramp: write `10..200/s`");
        let (to_number, to_unit) = to.split_once('/').unwrap_or((to, "s"));
        let (from_number, from_unit) = from.split_once('/').unwrap_or((from, to_unit));
        if plain_number(from_number).is_none() || plain_number(to_number).is_none() {
            return Err(wrong());
        }
        Ok(Self { from: Rate::of(text, from_number, from_unit)?, to: Rate::of(text, to_number, to_unit)? })
    }

    /// Whether the rate changes.
    pub fn is_ramp(self) -> bool {
        self.from != self.to
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_ramp() {
            true => write!(f, "{}..{}", significant(self.from.0, 4), self.to),
            false => self.from.fmt(f),
        }
    }
}

/// How sessions are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly.
    #[default]
    Constant,
    /// By chance, as people come: independent of one another.
    Poisson,
}

impl Arrivals {
    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }
}

/// The moments at which sessions are due, counted from the beginning, in ascending order.
#[derive(Clone, Debug)]
pub struct Schedule {
    from: f64,
    /// Half of what the rate changes by in a second: the sum of the rate until `t` is `from * t + bend * t * t`.
    bend: f64,
    arrivals: Arrivals,
    duration: Duration,
    /// The sum of the rate over the whole duration.
    total: f64,
    sessions: Option<u64>,
    given: u64,
    /// The sum of the rate until the next moment.
    sum: f64,
    random: Xoshiro256PlusPlus,
}

impl Schedule {
    /// Ends with `duration` or after `sessions`, whichever comes first. `Duration::MAX` is no end; a ramp that has all
    /// that time does not climb, so whoever reads the options refuses the two together.
    pub fn new(profile: Profile, arrivals: Arrivals, duration: Duration, sessions: Option<u64>, seed: u64) -> Self {
        let (from, to, seconds) = (profile.from.0, profile.to.0, duration.as_secs_f64());
        let to = if duration == Duration::MAX { from } else { to };
        let bend = if seconds > 0.0 { (to - from) / (2.0 * seconds) } else { 0.0 };
        // The seed is scattered first: it also makes the sessions, and the two must not be related.
        let random = Xoshiro256PlusPlus::seed_from_u64(!SplitMix64::seed_from_u64(seed).next_u64());
        let total = (from + to) / 2.0 * seconds;
        let mut schedule = Self { from, bend, arrivals, duration, total, sessions, given: 0, sum: 0.0, random };
        if arrivals == Arrivals::Poisson {
            schedule.sum = schedule.exponential();
        }
        schedule
    }

    /// How long it is: the duration, or the time after which so many sessions have come on average.
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

    /// When the sum of the rate reaches `sum`; none where it never does.
    fn moment(&self, sum: f64) -> Option<Duration> {
        // The root of the quadratic equation in the form that is exact for a `bend` of zero, too.
        let root = (self.from * self.from + 4.0 * self.bend * sum).sqrt();
        Duration::try_from_secs_f64(2.0 * sum / (self.from + root)).ok()
    }

    /// An exponential step of mean 1.
    fn exponential(&mut self) -> f64 {
        // 53 bits, from 0 to less than 1.
        let uniform = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        -(1.0 - uniform).ln()
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        // A hair less than the whole: a session that is due at the very end is none, however its moment is rounded.
        if self.sum >= self.total * (1.0 - 1e-12) || self.sessions.is_some_and(|most| self.given >= most) {
            return None;
        }
        let due = self.moment(self.sum).filter(|due| *due < self.duration)?;
        self.given += 1;
        self.sum = match self.arrivals {
            Arrivals::Constant => self.given as f64,
            Arrivals::Poisson => self.sum + self.exponential(),
        };
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(profile: &str, arrivals: Arrivals, seconds: u64, sessions: Option<u64>, seed: u64) -> Schedule {
        let profile = Profile::parse(profile).expect("the tests' profiles are right");
        Schedule::new(profile, arrivals, Duration::from_secs(seconds), sessions, seed)
    }

    fn gaps(moments: &[Duration]) -> Vec<f64> {
        moments.windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect()
    }

    #[test]
    fn a_rate_is_read_in_any_of_its_units_and_shown_in_one() {
        for (text, shown) in
            [("50/s", "50/s"), ("50", "50/s"), ("3000/min", "50/s"), ("1200/h", "0.3333/s"), ("0.5/s", "0.5/s")]
        {
            assert_eq!(Rate::parse(text).expect(text).to_string(), shown);
        }
        assert_eq!(Rate::parse("12345/s").expect("a rate").to_string(), "12345/s");
    }

    #[test]
    fn what_is_no_rate_is_named_with_what_would_be_one() {
        assert_eq!(Rate::parse("fast").unwrap_err(), "`fast` is not a rate: write `50/s`, `3000/min` or `1200/h`");
        assert!(Rate::parse("0/s").unwrap_err().contains("no session would ever come"));
        assert!(Rate::parse("1000001/s").unwrap_err().contains("out of range"));
        for wrong in ["", "/s", "-5/s", "5/day", "5/", "inf", "NaN", "1e3", "5/s/s", "1.2.3", "٢/s", "0"] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_unit_of_a_ramps_end_is_that_of_its_beginning_unless_it_has_its_own() {
        let ramp = Profile::parse("600..6000/min").expect("a ramp");
        assert_eq!(ramp.to_string(), "10..100/s");
        assert_eq!(Profile::parse("60/min..200/s").expect("a ramp").to_string(), "1..200/s");
        assert_eq!(Profile::parse("40/s").expect("a rate").to_string(), "40/s");
        for wrong in ["10..", "..10", "10..x/s", "10...20/s", "1..2..3/s", "0..10/s"] {
            assert!(Profile::parse(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
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
        let profile = Profile::constant(Rate::parse("20/s").expect("a rate"));
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
        let profile = Profile::parse("10..200/s").expect("a ramp");
        let schedule = Schedule::new(profile, Arrivals::Constant, Duration::MAX, Some(101), 3);
        assert_eq!(schedule.offered_rate(), 10.0);
        assert_eq!(schedule.last(), Some(Duration::from_secs(10)));
    }

    #[test]
    fn random_arrivals_have_the_mean_and_the_spread_of_poissons() {
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
    fn nothing_is_due_in_no_time() {
        assert_eq!(schedule("5..50/s", Arrivals::Constant, 0, None, 1).count(), 0);
        assert_eq!(schedule("50/s", Arrivals::Poisson, 10, Some(0), 1).count(), 0);
    }
}
