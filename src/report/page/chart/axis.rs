//! An axis: its span, its ticks and their labels. Ticks are round numbers, few enough for a phone.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// How values are placed along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report::page) enum Scale {
    /// Evenly; from zero if all are positive.
    Linear,
    /// By their logarithm.
    Log,
}

impl Scale {
    /// For latencies: by their logarithm if the longest would squeeze the others.
    pub(in crate::report::page) fn for_spread(values: &[f64]) -> Self {
        let positive = || values.iter().copied().filter(|value| *value > 0.0);
        let (low, high) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
        if high > low * 20.0 { Self::Log } else { Self::Linear }
    }
}

/// An axis.
#[derive(Clone, Debug)]
pub(in crate::report::page) struct Axis {
    /// What it measures.
    pub(in crate::report::page) name: String,
    /// How a value is written.
    pub(super) show: fn(f64) -> String,
    scale: Scale,
    low: f64,
    high: f64,
}

impl Axis {
    /// An axis with room for all `values`.
    pub(in crate::report::page) fn over(name: &str, show: fn(f64) -> String, scale: Scale, values: &[f64]) -> Self {
        let drawn = values.iter().copied().filter(|value| is_drawn(*value, scale));
        let (mut low, mut high) =
            drawn.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            (low, high) = (1.0, 10.0);
        }
        match scale {
            Scale::Linear => {
                low = low.min(0.0);
                high = if high > low { high } else { low + 1.0 };
                let step = step(high - low);
                low = (low / step).floor() * step;
                high = (high / step).ceil() * step;
            }
            Scale::Log => {
                // To the next of 1, 2 and 5, so that both ends have a tick near.
                low = *round_numbers(low / 5.0, low).last().unwrap_or(&low);
                high = *round_numbers(high, high * 5.0).first().unwrap_or(&high);
                if low >= high {
                    high = low * 10.0;
                }
            }
        }
        Self { name: name.to_owned(), show, scale, low, high }
    }

    /// The same, ending at the last value rather than at a tick: for an axis of time.
    pub(in crate::report::page) fn ending_at(mut self, high: f64) -> Self {
        if is_drawn(high, self.scale) && high > self.low {
            self.high = high;
        }
        self
    }

    /// The least value on it.
    pub(super) const fn low(&self) -> f64 {
        self.low
    }

    pub(super) fn holds(&self, value: f64) -> bool {
        is_drawn(value, self.scale) && value >= self.low && value <= self.high * (1.0 + 1e-9)
    }

    /// The position of a value, in numbers that are evenly spaced.
    fn even(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).log10(),
        }
    }

    /// The ticks.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let step = step(self.high - self.low);
                let count = ((self.high - self.low) / step + 1e-6).floor().min(50.0) as u32;
                let first = (self.low / step).ceil() * step;
                (0..=count)
                    .map(|number| first + f64::from(number) * step)
                    .filter(|tick| *tick <= self.high * 1.000_001)
                    .collect()
            }
            Scale::Log => {
                let all = round_numbers(self.low, self.high);
                let tens: Vec<_> = all.iter().copied().filter(|tick| is_power_of_ten(*tick)).collect();
                match tens.len() {
                    0..=3 if all.len() <= 7 => all,
                    0..=7 => tens,
                    many => tens.into_iter().step_by(many.div_ceil(6)).collect(),
                }
            }
        }
    }

    /// The label of a tick.
    pub(super) fn label(&self, tick: f64) -> String {
        // Sums of steps are slightly off, which would show at zero. Zero needs no unit.
        let is_zero = self.scale == Scale::Linear && tick.abs() < (self.high - self.low) * 1e-9;
        if is_zero { "0".to_owned() } else { (self.show)(tick) }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let (low, high) = (self.even(self.low), self.even(self.high));
        let part = (self.even(*value) - low) / (high - low);
        limit.0 + (part * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, tick: &f64) -> String {
        self.label(*tick)
    }
}

/// Whether a value can be drawn: it is a number, and not so large that it is a mistake.
pub(super) fn is_drawn(value: f64, scale: Scale) -> bool {
    value.is_finite() && value.abs() < 1e12 && (scale == Scale::Linear || value > 1e-9)
}

/// The round number that divides `span` into four or five.
fn step(span: f64) -> f64 {
    let rough = span / 4.0;
    let ten = 10_f64.powf(rough.log10().floor());
    let part = rough / ten;
    let round = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|round| part <= round * 1.01).unwrap_or(10.0);
    round * ten
}

/// All of 1, 2 and 5 times a power of ten that are in the span.
fn round_numbers(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let all = (first..=last).flat_map(|ten| [1.0, 2.0, 5.0].map(|one| one * 10_f64.powi(ten)));
    all.filter(|number| *number >= low * 0.999 && *number <= high * 1.001).collect()
}

fn is_power_of_ten(number: f64) -> bool {
    let log = number.log10();
    (log - log.round()).abs() < 1e-6
}

/// The unit that an axis of time is in.
#[derive(Clone, Copy, Debug)]
pub(in crate::report::page) struct TimeUnit {
    seconds: f64,
    name: &'static str,
}

impl TimeUnit {
    /// For a run of that length.
    pub(in crate::report::page) fn of(seconds: f64) -> Self {
        match seconds {
            ..=180.0 => Self { seconds: 1.0, name: "seconds" },
            ..=10_800.0 => Self { seconds: 60.0, name: "minutes" },
            _ => Self { seconds: 3600.0, name: "hours" },
        }
    }

    /// Seconds in this unit.
    pub(in crate::report::page) fn from(self, seconds: f64) -> f64 {
        seconds / self.seconds
    }

    /// The axis of a run that ends at `end`, in this unit.
    pub(in crate::report::page) fn axis(self, end: f64) -> Axis {
        let name = format!("{} since the beginning", self.name);
        Axis::over(&name, super::super::parts::short, Scale::Linear, &[0.0, end]).ending_at(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::parts::{short, time};

    fn labels(scale: Scale, values: &[f64]) -> String {
        let axis = Axis::over("", if scale == Scale::Log { time } else { short }, scale, values);
        axis.ticks().into_iter().map(|tick| axis.label(tick)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(Scale::Linear, &[0.3, 47.0]), "0 20 40 60");
        assert_eq!(labels(Scale::Linear, &[-0.4, 0.1]), "-0.4 -0.2 0 0.2");
        assert_eq!(labels(Scale::Log, &[3.0, 80.0]), "2 ms 5 ms 10 ms 20 ms 50 ms 100 ms");
        assert_eq!(labels(Scale::Log, &[0.3, 2400.0]), "1 ms 10 ms 100 ms 1 s");
    }

    #[test]
    fn any_numbers_make_an_axis() {
        let strange = [f64::NAN, f64::INFINITY, -f64::MAX, f64::MAX, 0.0, -1.0, 1e-300];
        for scale in [Scale::Linear, Scale::Log] {
            for values in [&strange[..], &[], &[0.0], &[5.0], &[5.0, 5.0], &[1e-8, 1e11], &[-1e11, 1e11]] {
                let axis = Axis::over("", short, scale, values);
                let ticks = axis.ticks();
                assert!((1..=8).contains(&ticks.len()), "{scale:?} {values:?}: {ticks:?}");
                assert!(axis.range().start < axis.range().end, "{scale:?} {values:?}");
            }
        }
    }
}
