//! Looks for the highest rate that still meets what is asked for: [`search`]. It goes up or down until one rate meets
//! it and a higher one does not, then closes in. What a rate gives is asked of the caller, so that the search is tested
//! without a clock.

use crate::load::{Capacity, Limit, Measured, Rate, Step};

/// How close the highest rate that met and the lowest that did not are in the end, as their ratio.
const PRECISION: f64 = 1.06;
/// How many rates are tried at most.
const STEPS: usize = 20;
/// The lowest and the highest rate that are tried.
const LEAST: f64 = 0.1;
const MOST: f64 = 100_000.0;
/// From what share on processors are called busy, and lanes full.
const BUSY: f64 = 0.9;
const FULL: f64 = 0.95;

/// A rate, and what it gave.
struct AtRate {
    rate: f64,
    tried: Tried,
}

/// What a rate gave.
pub(super) struct Tried {
    pub(super) measured: Measured,
    /// What of that which was asked for it did not meet, in a few words; `None` where it met all.
    pub(super) missed: Option<String>,
}

/// What the search came to.
pub(super) struct Found {
    pub(super) capacity: Capacity,
    /// What the best rate gave; where none met, what the lowest one gave.
    pub(super) best: Option<Measured>,
}

/// Searches, beginning with `first`; `attempt` runs a rate, or gives `None` to end the search.
pub(super) fn search<E>(first: Rate, mut attempt: impl FnMut(Rate) -> Result<Option<Tried>, E>) -> Result<Found, E> {
    let mut rate = readable(first.get().clamp(LEAST, MOST));
    let mut steps = Vec::new();
    // The best that met, and the lowest that did not.
    let (mut best, mut failed): (Option<AtRate>, Option<AtRate>) = (None, None);
    while steps.len() < STEPS {
        let Some(tried) = attempt(rate_of(rate))? else { break };
        steps.push(step(rate, &tried));
        let side = if tried.missed.is_none() { &mut best } else { &mut failed };
        *side = Some(AtRate { rate, tried });
        let (met, missed) = (best.as_ref().map(|one| one.rate), failed.as_ref().map(|one| one.rate));
        rate = readable(match (met, missed) {
            (Some(met), Some(missed)) if missed / met <= PRECISION => break,
            (Some(met), Some(missed)) => (met * missed).sqrt(),
            (Some(met), None) => (met * stride(steps.len())).min(MOST),
            (None, Some(missed)) => (missed / stride(steps.len())).max(LEAST),
            (None, None) => break,
        });
        // The last that there is, or too close to tell apart.
        if met == Some(rate) || missed == Some(rate) {
            break;
        }
    }
    steps.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let (limit, reason) = match &failed {
        None => (Limit::None, "every rate that was tried met the objectives".to_owned()),
        Some(failed) => why(failed),
    };
    let rate = best.as_ref().map_or(0.0, |best| best.rate);
    let best = best.or(failed).map(|one| one.tried.measured);
    Ok(Found { capacity: Capacity { rate, limit, reason, steps }, best })
}

/// How far to go from one rate to the next while nothing stands on the other side.
const fn stride(tried: usize) -> f64 {
    if tried <= 2 { 2.0 } else { 4.0 }
}

/// The rates here are within bounds.
fn rate_of(rate: f64) -> Rate {
    Rate::per_second(rate.clamp(LEAST, MOST)).expect("it lies between the least and the most")
}

/// To three digits, as people write rates.
fn readable(rate: f64) -> f64 {
    let decimals = (2.0 - rate.log10().floor()).clamp(-5.0, 5.0) as i32;
    let unit = 10_f64.powi(decimals.abs());
    // What is divided in the end is the nearest to what people would write.
    if decimals >= 0 { (rate * unit).round() / unit } else { (rate / unit).round() * unit }
}

fn step(rate: f64, tried: &Tried) -> Step {
    let Tried { measured, missed } = tried;
    let calls: u64 = measured.hooks.values().map(|hook| hook.latency.count).sum();
    Step {
        rate,
        achieved_rate: measured.achieved_rate,
        p50_ms: measured.session.p50_ms,
        p99_ms: measured.session.p99_ms,
        errors: if calls == 0 { 0.0 } else { measured.errors as f64 / calls as f64 },
        busy: measured.processors.busy,
        saturated: measured.saturated,
        met: missed.is_none(),
    }
}

/// What kept a rate from meeting what was asked for.
fn why(failed: &AtRate) -> (Limit, String) {
    let Tried { measured, missed } = &failed.tried;
    let at = format!("at {} {}", rate_of(failed.rate), missed.as_deref().unwrap_or_default());
    let processors = &measured.processors;
    let percent = |share: f64| (share * 100.0).round();
    let busy = percent(processors.busy);
    if processors.busy >= BUSY {
        let whose = match processors.count {
            1 => "the processor was".to_owned(),
            count => format!("the {count} processors were"),
        };
        let plugin = percent(processors.plugin);
        return (Limit::Machine, format!("{at}: {whose} {busy} % busy, {plugin} % with the plugin's calls"));
    }
    // The first half is left out: it fills up first.
    let later = &measured.timeline[measured.timeline.len() / 2..];
    let busy_lanes = later.iter().map(|slice| slice.in_flight as f64).sum::<f64>() / later.len().max(1) as f64;
    let all = measured.in_flight;
    if all > 0 && busy_lanes >= FULL * all as f64 {
        let ran = format!("all {all} calls that may run at once ran, and the processors were {busy} % busy");
        return (Limit::InFlight, format!("{at}: {ran}; `--in-flight` lets more run"));
    }
    let ran = format!("{busy_lanes:.0} of {all} calls ran and the processors were {busy} % busy");
    (Limit::Plugin, format!("{at}: {ran}, so the time went by in the plugin"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Processors, Slice};

    /// A plugin that carries `capacity` and no more.
    fn carried(capacity: f64, first: f64) -> (Found, Vec<f64>) {
        let mut asked = Vec::new();
        let found = search(rate_of(first), |rate| {
            asked.push(rate.get());
            let missed = (rate.get() > capacity).then(String::new);
            let measured = Measured { offered_rate: rate.get(), ..Measured::default() };
            Ok::<_, ()>(Some(Tried { measured, missed }))
        });
        (found.unwrap(), asked)
    }

    #[test]
    fn the_rate_is_found_from_wherever_the_search_begins() {
        for capacity in [0.5, 3.7, 84.0, 1234.5, 40_000.0] {
            for first in [0.2, 1.0, 50.0, 5000.0] {
                let (found, asked) = carried(capacity, first);
                let rate = found.capacity.rate;
                assert!(rate <= capacity && rate > capacity / 1.13, "{rate} for {capacity} from {first}: {asked:?}");
                assert!(asked.len() <= STEPS, "{asked:?}");
                assert_eq!(found.best.unwrap().offered_rate, rate);
                assert!(found.capacity.steps.is_sorted_by(|one, other| one.rate < other.rate));
            }
        }
    }

    #[test]
    fn a_plugin_that_carries_nothing_and_one_that_carries_all_are_told() {
        let (found, _) = carried(0.0, 10.0);
        assert_eq!((found.capacity.rate, found.best.is_some()), (0.0, true));
        let (found, _) = carried(f64::MAX, 10.0);
        assert_eq!((found.capacity.limit, found.capacity.rate), (Limit::None, MOST));
    }

    #[test]
    fn what_limits_is_told_by_who_was_busy() {
        let slice = |in_flight| Slice { in_flight, ..Slice::default() };
        let measured = |busy, in_flight| Measured {
            in_flight: 16,
            processors: Processors { count: 2, busy, plugin: busy / 2.0 },
            timeline: vec![slice(0), slice(in_flight), slice(in_flight)],
            ..Measured::default()
        };
        let told = |busy, in_flight| {
            let missed = Some("p99=1s was missed with 1.29s".to_owned());
            why(&AtRate { rate: 90.0, tried: Tried { measured: measured(busy, in_flight), missed } })
        };
        let texts = [told(0.97, 16), told(0.3, 16), told(0.3, 4)]
            .map(|(limit, reason)| format!("{limit:?}: {reason}"))
            .join("\n");
        insta::assert_snapshot!(texts, @r"
        Machine: at 90/s p99=1s was missed with 1.29s: the 2 processors were 97 % busy, 49 % with the plugin's calls
        InFlight: at 90/s p99=1s was missed with 1.29s: all 16 calls that may run at once ran, and the processors were 30 % busy; `--in-flight` lets more run
        Plugin: at 90/s p99=1s was missed with 1.29s: 4 of 16 calls ran and the processors were 30 % busy, so the time went by in the plugin
        ");
    }
}
