//! [`Rate`] and [`RateProfile`]: how many sessions are due in a second.

use std::fmt;

use crate::load::numbers::{plain_number, significant};

/// The highest rate: far more than a machine can do, and low enough that nothing overflows.
const RATE_MOST: f64 = 1e6;

/// The lowest rate: a session in about four months.
const RATE_LEAST: f64 = 1e-7;

/// Examples of rates, for messages.
const RATES: &str = "write `50/s`, `3000/min` or `1200/h`";

/// Sessions per second, more than 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// This number per second; `None` if it is out of range.
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
            return Err(format!("`{text}` is not a rate: no session would ever be due; {RATES}"));
        }
        Self::per_second(number / seconds)
            .ok_or_else(|| format!("`{text}` is out of range: at most `1000000/s`, at least a session in four months"))
    }

    /// Sessions per second.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", significant(self.0, 4))
    }
}

/// The length of a unit of rates, in seconds.
pub(super) fn seconds_of(unit: &str) -> Option<f64> {
    match unit {
        "s" | "sec" => Some(1.0),
        "m" | "min" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    }
}

/// The rate over the time of a schedule: it changes in a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateProfile {
    /// The rate at the start.
    pub from: Rate,
    /// The rate at the end.
    pub to: Rate,
}

impl RateProfile {
    /// A constant rate.
    pub fn constant(rate: Rate) -> Self {
        Self { from: rate, to: rate }
    }

    /// Reads `10..200/s`, where the unit is that of both rates, or a constant rate.
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

impl fmt::Display for RateProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_ramp() {
            true => write!(f, "{}..{}", significant(self.from.0, 4), self.to),
            false => self.from.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_not_a_rate_is_named_with_examples_of_rates() {
        assert_eq!(Rate::parse("fast").unwrap_err(), "`fast` is not a rate: write `50/s`, `3000/min` or `1200/h`");
        assert!(Rate::parse("0/s").unwrap_err().contains("no session would ever be due"));
        assert!(Rate::parse("1000001/s").unwrap_err().contains("out of range"));
        for wrong in ["", "/s", "-5/s", "5/day", "5/", "inf", "NaN", "1e3", "5/s/s", "1.2.3", "٢/s", "0"] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_unit_of_a_ramps_end_is_also_that_of_its_start_unless_it_has_its_own() {
        let ramp = RateProfile::parse("600..6000/min").expect("a ramp");
        assert_eq!(ramp.to_string(), "10..100/s");
        assert_eq!(RateProfile::parse("60/min..200/s").expect("a ramp").to_string(), "1..200/s");
        assert_eq!(RateProfile::parse("40/s").expect("a rate").to_string(), "40/s");
        for wrong in ["10..", "..10", "10..x/s", "10...20/s", "1..2..3/s", "0..10/s"] {
            assert!(RateProfile::parse(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
