//! [`Objective`]: what a run must meet, such as `p99=500ms`, and whether it did.
//!
//! Latencies and errors must be at most the given value, a rate at least. An objective on something that was not
//! measured is missed: otherwise an objective on a hook that never ran would always be met.

use std::fmt;

use super::{
    measured::{Measured, ObjectiveMeasured, Percentiles},
    numbers::{plain_number, significant},
    rate::seconds_of,
};
use crate::contract::Hook;

/// Examples of objectives, for messages.
const FORMS: &str = "write `p99=500ms`, `authorize.p90=2s`, `errors=0.1%` or `rate=40/s`";

/// A rate may be lower by this part of it. The last sessions end a little after the schedule, so a plugin that is
/// offered exactly the rate of the objective would often miss it by a little.
const RATE_SLACK: f64 = 0.01;

/// Something that a run must meet.
///
/// # Examples
/// ```
/// use hookstorm::load::Objective;
/// assert_eq!(Objective::parse("p99.9=2s")?.to_string(), "p99.9=2s");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    text: String,
    figure: ObjectiveFigure,
    /// The value, in its unit.
    wanted: f64,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ObjectiveFigure {
    /// Of a hook, or of sessions.
    Latency(Option<Hook>, Percentile),
    Errors,
    Rate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Percentile {
    P50,
    P90,
    P99,
    P99_9,
    Max,
}

/// The name that the user wrote, and the size in milliseconds, parts or seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Unit {
    name: &'static str,
    size: f64,
}

const TIMES: [Unit; 4] = [
    Unit { name: "ms", size: 1.0 },
    Unit { name: "s", size: 1000.0 },
    Unit { name: "min", size: 60_000.0 },
    Unit { name: "m", size: 60_000.0 },
];

impl Percentile {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "p50" => Self::P50,
            "p90" => Self::P90,
            "p99" => Self::P99,
            "p99.9" => Self::P99_9,
            "max" => Self::Max,
            _ => return None,
        })
    }

    fn of(self, all: &Percentiles) -> f64 {
        match self {
            Self::P50 => all.p50_ms,
            Self::P90 => all.p90_ms,
            Self::P99 => all.p99_ms,
            Self::P99_9 => all.p99_9_ms,
            Self::Max => all.max_ms,
        }
    }
}

impl Objective {
    /// Reads `p50`, `p90`, `p99`, `p99.9` or `max` of sessions or, after its name and a point, of a hook; `errors`;
    /// `rate`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an objective: {FORMS}");
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let (figure, (wanted, unit)) = match name.trim() {
            "errors" => (ObjectiveFigure::Errors, part(text, value)?),
            "rate" => (ObjectiveFigure::Rate, rate(text, value)?),
            name => (latency(text, name)?, time(text, value)?),
        };
        Ok(Self { text: text.to_owned(), figure, wanted, unit })
    }

    /// The hook, if the objective is for one.
    pub fn hook(&self) -> Option<Hook> {
        if let ObjectiveFigure::Latency(hook, _) = self.figure { hook } else { None }
    }

    /// The rate in sessions per second, if the objective is for the rate.
    pub fn rate(&self) -> Option<f64> {
        (self.figure == ObjectiveFigure::Rate).then(|| self.wanted / self.unit.size)
    }

    /// Whether the run met it.
    pub fn judge(&self, measured: &Measured) -> ObjectiveMeasured {
        let unmeasured = |what: &str| self.outcome(what.to_owned(), 1.0);
        match self.figure {
            ObjectiveFigure::Latency(Some(hook), percentile) => match measured.hooks.get(hook.name()) {
                Some(hook) if hook.latency.count > 0 => self.at_most(percentile.of(&hook.latency) / self.unit.size),
                _ => unmeasured("no call"),
            },
            ObjectiveFigure::Latency(None, _) if measured.session.count == 0 => unmeasured("no session"),
            ObjectiveFigure::Latency(None, percentile) => {
                self.at_most(percentile.of(&measured.session) / self.unit.size)
            }
            ObjectiveFigure::Errors => match measured.hooks.values().map(|hook| hook.latency.count).sum::<u64>() {
                0 => unmeasured("no call"),
                calls => self.at_most(measured.errors as f64 / calls as f64 / self.unit.size),
            },
            ObjectiveFigure::Rate => {
                let value = measured.achieved_rate * self.unit.size;
                let short = 1.0 - value / self.wanted;
                self.outcome(self.shown(value), if short > RATE_SLACK { short } else { 0.0 })
            }
        }
    }

    fn at_most(&self, value: f64) -> ObjectiveMeasured {
        let missed_by = match value - self.wanted {
            over if over <= 0.0 => 0.0,
            // There is no part of 0, so this is a part of the whole.
            over if self.wanted == 0.0 => over * self.unit.size,
            over => over / self.wanted,
        };
        self.outcome(self.shown(value), missed_by)
    }

    fn outcome(&self, measured: String, missed_by: f64) -> ObjectiveMeasured {
        ObjectiveMeasured { objective: self.text.clone(), measured, met: missed_by == 0.0, missed_by }
    }

    /// With three significant digits, or as many as make it differ from the wanted value.
    fn shown(&self, value: f64) -> String {
        let wanted = significant(self.wanted, 12);
        let digits = (3..=12).find(|digits| value == self.wanted || significant(value, *digits) != wanted);
        format!("{}{}", significant(value, digits.unwrap_or(12)), self.unit.name)
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn latency(text: &str, name: &str) -> Result<ObjectiveFigure, String> {
    if let Some(percentile) = Percentile::named(name) {
        return Ok(ObjectiveFigure::Latency(None, percentile));
    }
    // `p99.9` also has a point.
    let Some((hook, percentile)) = name.split_once('.').filter(|(hook, _)| !hook.starts_with('p')) else {
        return Err(format!("`{text}`: there is no figure `{name}`: {FORMS}"));
    };
    let hook = Hook::named(hook).ok_or_else(|| {
        let known: Vec<_> = Hook::ALL.iter().map(|hook| format!("`{}`", hook.name())).collect();
        format!("`{text}`: `{hook}` is not a hook: the hooks are {}", known.join(", "))
    })?;
    let percentile = Percentile::named(percentile).ok_or_else(|| {
        format!("`{text}`: `{percentile}` is not a figure of a hook: use `p50`, `p90`, `p99`, `p99.9` or `max`")
    })?;
    Ok(ObjectiveFigure::Latency(Some(hook), percentile))
}

fn time(text: &str, value: &str) -> Result<(f64, Unit), String> {
    let value = value.trim();
    let (number, name) = value.split_at(value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len()));
    match (plain_number(number), TIMES.into_iter().find(|unit| unit.name == name.trim())) {
        (Some(number), Some(unit)) if number > 0.0 => Ok((number, unit)),
        (Some(_), None) if name.is_empty() => Err(format!("`{text}`: the time has no unit: write `500ms` or `2s`")),
        _ => Err(format!("`{text}`: `{value}` is not a time: write `500ms` or `2s`")),
    }
}

fn part(text: &str, value: &str) -> Result<(f64, Unit), String> {
    let number = value.trim().strip_suffix('%').and_then(plain_number).filter(|number| *number <= 100.0);
    let number = number.ok_or_else(|| format!("`{text}`: `{value}` is not a part of the calls: write `0.1%`"))?;
    Ok((number, Unit { name: "%", size: 0.01 }))
}

fn rate(text: &str, value: &str) -> Result<(f64, Unit), String> {
    let wrong = || format!("`{text}`: `{value}` is not a rate: write `40/s`, `2400/min` or `1200/h`");
    let (number, name) = value.trim().split_once('/').unwrap_or((value, "s"));
    let size = seconds_of(name.trim()).ok_or_else(wrong)?;
    let name = match size {
        1.0 => "/s",
        60.0 => "/min",
        _ => "/h",
    };
    plain_number(number).filter(|number| *number > 0.0).map(|number| (number, Unit { name, size })).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::measured::HookMeasured;

    fn measured() -> Measured {
        let percentiles =
            |p99_ms| Percentiles { count: 1000, p99_ms, p99_9_ms: 2_130.0, max_ms: 9_000.0, ..Default::default() };
        let hook = |p99_ms| HookMeasured { latency: percentiles(p99_ms), ..Default::default() };
        Measured {
            achieved_rate: 39.2,
            errors: 3,
            session: percentiles(612.0),
            hooks: [("authorize".to_owned(), hook(80.0)), ("session_ended".to_owned(), hook(20.0))].into(),
            ..Default::default()
        }
    }

    fn judge(text: &str) -> (String, bool, f64) {
        let outcome = Objective::parse(text).expect(text).judge(&measured());
        assert_eq!(outcome.objective, text);
        (outcome.measured, outcome.met, (outcome.missed_by * 1e4).round() / 1e4)
    }

    #[test]
    fn latencies_are_compared_with_those_of_sessions_or_of_a_hook() {
        assert_eq!(judge("p99=500ms"), ("612ms".into(), false, 0.224));
        assert_eq!(judge("p99=612ms"), ("612ms".into(), true, 0.0));
        assert_eq!(judge("p99.9=2s"), ("2.13s".into(), false, 0.065));
        assert_eq!(judge("max=0.1min"), ("0.15min".into(), false, 0.5));
        assert_eq!(judge("authorize.p99=100ms"), ("80ms".into(), true, 0.0));
        assert_eq!(judge("authorize.p99.9=1s"), ("2.13s".into(), false, 1.13));
    }

    #[test]
    fn errors_are_a_part_of_the_calls_and_may_be_zero() {
        assert_eq!(judge("errors=0.1%"), ("0.15%".into(), false, 0.5));
        assert_eq!(judge("errors=0.2%"), ("0.15%".into(), true, 0.0));
        assert_eq!(judge("errors=0%"), ("0.15%".into(), false, 0.0015));
        let clean = Measured { errors: 0, ..measured() };
        let outcome = Objective::parse("errors=0%").expect("an objective").judge(&clean);
        assert_eq!((outcome.measured.as_str(), outcome.met), ("0%", true));
    }

    #[test]
    fn a_rate_may_be_missed_by_a_little() {
        assert_eq!(judge("rate=39/s"), ("39.2/s".into(), true, 0.0));
        assert_eq!(judge("rate=39.5/s"), ("39.2/s".into(), true, 0.0));
        assert_eq!(judge("rate=49/s"), ("39.2/s".into(), false, 0.2));
        assert_eq!(judge("rate=4704/min"), ("2352/min".into(), false, 0.5));
        assert_eq!(Objective::parse("rate=2400/min").expect("an objective").rate(), Some(40.0));
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        assert_eq!(judge("authenticate.max=1h".replace("1h", "60min").as_str()), ("no call".into(), false, 1.0));
        for (text, what) in [("p50=1s", "no session"), ("errors=1%", "no call"), ("rate=1/s", "0/s")] {
            let outcome = Objective::parse(text).expect(text).judge(&Measured::default());
            assert_eq!((outcome.measured.as_str(), outcome.met, outcome.missed_by), (what, false, 1.0));
        }
    }

    #[test]
    fn an_objective_that_is_missed_by_little_does_not_look_met() {
        let slow = Measured { session: Percentiles { count: 9, p99_ms: 500.024, ..Default::default() }, ..measured() };
        let outcome = Objective::parse("p99=500ms").expect("an objective").judge(&slow);
        assert_eq!((outcome.measured.as_str(), outcome.met), ("500.02ms", false));
    }

    #[test]
    fn what_is_not_an_objective_is_named_with_examples() {
        let error = |text| Objective::parse(text).unwrap_err();
        assert!(error("fast").starts_with("`fast` is not an objective: write `p99=500ms`"));
        assert!(error("p95=1s").contains("there is no figure `p95`"));
        assert!(error("log_in.p99=1s").contains("`log_in` is not a hook: the hooks are `get_password_list`"));
        assert!(error("authorize.p95=1s").contains("`p95` is not a figure"));
        assert!(error("p99=500").contains("no unit"));
        assert!(error("errors=1").contains("write `0.1%`"));
        for wrong in [
            "",
            "=",
            "p99",
            "p99=",
            "p99=0s",
            "p99=-1s",
            "p99=1 week",
            "errors=101%",
            "errors=-1%",
            "rate=0/s",
            "rate=x/s",
            "rate=1/day",
            "p99.9.9=1s",
        ] {
            assert!(Objective::parse(wrong).is_err(), "{wrong}");
        }
    }
}
