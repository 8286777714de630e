//! [`search`]: the highest rate that meets the objectives. The search goes up or down until one rate meets them and a
//! higher one does not, and then closes in. The caller runs each rate, so the search is tested without a clock.

use crate::load::{Capacity, Limit, Measured, Rate, Step};

/// At the end, the ratio of the lowest rate that failed and the highest that did not is at most this.
const PRECISION: f64 = 1.06;
/// How many rates are tried at most.
const STEPS: usize = 20;
/// The lowest and the highest rate that are tried.
const LEAST: f64 = 0.1;
const MOST: f64 = 100_000.0;
/// From these shares on, the processors count as busy, and the workers as full.
const BUSY: f64 = 0.9;
const FULL: f64 = 0.95;

/// A rate and its result.
struct AtRate {
    rate: f64,
    tried: Tried,
}

/// The result of a rate.
pub(super) struct Tried {
    pub(super) measured: Measured,
    /// The objective that it missed, in a few words; `None` if it met all.
    pub(super) missed: Option<String>,
}

/// The result of the search.
pub(super) struct FoundCapacity {
    pub(super) capacity: Capacity,
    /// What was measured at the best rate; if none met the objectives, at the lowest one.
    pub(super) best: Option<Measured>,
}

/// Searches, starting with `first`. `attempt` runs a rate, or returns `None` to end the search.
pub(super) fn search<E>(
    first: Rate,
    mut attempt: impl FnMut(Rate) -> Result<Option<Tried>, E>,
) -> Result<FoundCapacity, E> {
    let mut rate = readable(first.get().clamp(LEAST, MOST));
    let mut steps = Vec::new();
    // The highest rate that met the objectives, and the lowest that did not.
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
        // There is no other rate, or it is too close.
        if met == Some(rate) || missed == Some(rate) {
            break;
        }
    }
    steps.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let (limit, reason) = match &failed {
        None => (Limit::None, "every rate that was tried met the objectives".to_owned()),
        Some(failed) => reason(failed),
    };
    let rate = best.as_ref().map_or(0.0, |best| best.rate);
    let best = best.or(failed).map(|one| one.tried.measured);
    Ok(FoundCapacity { capacity: Capacity { rate, limit, reason, steps }, best })
}

/// The factor from one rate to the next as long as all met the objectives, or none did.
const fn stride(tried: usize) -> f64 {
    if tried <= 2 { 2.0 } else { 4.0 }
}

fn rate_of(rate: f64) -> Rate {
    Rate::per_second(rate.clamp(LEAST, MOST)).expect("the rate is within bounds")
}

/// Rounds to three digits, as people write rates.
fn readable(rate: f64) -> f64 {
    let decimals = (2.0 - rate.log10().floor()).clamp(-5.0, 5.0) as i32;
    let unit = 10_f64.powi(decimals.abs());
    // To divide at the end gives the number that is nearest to the decimal.
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

/// Why a rate failed.
fn reason(failed: &AtRate) -> (Limit, String) {
    let Tried { measured, missed } = &failed.tried;
    let at = format!("at {} {}", rate_of(failed.rate), missed.as_deref().unwrap_or_default());
    let processors = &measured.processors;
    let percent = |share: f64| (share * 100.0).round();
    let busy = percent(processors.busy);
    if processors.busy >= BUSY {
        let subject = match processors.count {
            1 => "the processor was".to_owned(),
            count => format!("the {count} processors were"),
        };
        let plugin = percent(processors.plugin);
        return (Limit::Machine, format!("{at}: {subject} {busy} % busy, {plugin} % with the plugin's calls"));
    }
    // The first half is left out, because the workers fill up first.
    let later = &measured.timeline[measured.timeline.len() / 2..];
    let busy_workers = later.iter().map(|slice| slice.in_flight as f64).sum::<f64>() / later.len().max(1) as f64;
    let all = measured.in_flight;
    if all > 0 && busy_workers >= FULL * all as f64 {
        let ran = format!("all {all} calls that may run at once ran, and the processors were {busy} % busy");
        return (Limit::InFlight, format!("{at}: {ran}; `--in-flight` lets more run"));
    }
    let ran = format!("{busy_workers:.0} of {all} calls ran and the processors were {busy} % busy");
    (Limit::Plugin, format!("{at}: {ran}, so the plugin spent the time"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Processors, Slice};

    /// Searches with a plugin that carries `capacity`.
    fn carried(capacity: f64, first: f64) -> (FoundCapacity, Vec<f64>) {
        let mut tried = Vec::new();
        let found = search(rate_of(first), |rate| {
            tried.push(rate.get());
            let missed = (rate.get() > capacity).then(String::new);
            let measured = Measured { offered_rate: rate.get(), ..Measured::default() };
            Ok::<_, ()>(Some(Tried { measured, missed }))
        });
        (found.unwrap(), tried)
    }

    #[test]
    fn the_rate_is_found_from_any_start() {
        for capacity in [0.5, 3.7, 84.0, 1234.5, 40_000.0] {
            for first in [0.2, 1.0, 50.0, 5000.0] {
                let (found, tried) = carried(capacity, first);
                let rate = found.capacity.rate;
                assert!(rate <= capacity && rate > capacity / 1.13, "{rate} for {capacity} from {first}: {tried:?}");
                assert!(tried.len() <= STEPS, "{tried:?}");
                assert_eq!(found.best.unwrap().offered_rate, rate);
                assert!(found.capacity.steps.is_sorted_by(|one, other| one.rate < other.rate));
            }
        }
    }

    #[test]
    fn a_plugin_that_carries_nothing_and_one_that_carries_everything_are_found() {
        let (found, _) = carried(0.0, 10.0);
        assert_eq!((found.capacity.rate, found.best.is_some()), (0.0, true));
        let (found, _) = carried(f64::MAX, 10.0);
        assert_eq!((found.capacity.limit, found.capacity.rate), (Limit::None, MOST));
    }

    #[test]
    fn the_limit_is_what_was_busy() {
        let slice = |in_flight| Slice { in_flight, ..Slice::default() };
        let measured = |busy, in_flight| Measured {
            in_flight: 16,
            processors: Processors { count: 2, busy, plugin: busy / 2.0 },
            timeline: vec![slice(0), slice(in_flight), slice(in_flight)],
            ..Measured::default()
        };
        let reason_of = |busy, in_flight| {
            let missed = Some("p99=1s was missed with 1.29s".to_owned());
            reason(&AtRate { rate: 90.0, tried: Tried { measured: measured(busy, in_flight), missed } })
        };
        let texts = [reason_of(0.97, 16), reason_of(0.3, 16), reason_of(0.3, 4)]
            .map(|(limit, reason)| format!("{limit:?}: {reason}"))
            .join("\n");
        insta::assert_snapshot!(texts, @r"
        Machine: at 90/s p99=1s was missed with 1.29s: the 2 processors were 97 % busy, 49 % with the plugin's calls
        InFlight: at 90/s p99=1s was missed with 1.29s: all 16 calls that may run at once ran, and the processors were 30 % busy; `--in-flight` lets more run
        Plugin: at 90/s p99=1s was missed with 1.29s: 4 of 16 calls ran and the processors were 30 % busy, so the plugin spent the time
        ");
    }
}
