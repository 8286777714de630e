//! [`compare`]: compares a load test with an earlier one. A regression is a figure that got worse by more than the
//! rounds of one run differ.
//!
//! The figure of a run is the median of its rounds, so one round in which the machine was busy changes nothing. A
//! figure got worse if its change is larger than the noise and if even its best round is no better than the earlier
//! median: if half of a run was slow, the cause is rather the machine than the plugin. The noise is three standard
//! deviations, estimated from the median distance of the rounds from their median, and never less than a share of the
//! figure and an absolute minimum. If nothing changed, at most one of a thousand comparisons may fail; if a plugin
//! became slower by a fifth, every one must fail. This needs five rounds, eight are better, and three are the minimum.

use super::{
    measured::{Change, Comparison, Measured, RoundTimes},
    numbers::{median, rounded, significant},
};

/// With fewer rounds their spread is unknown.
const ROUNDS_LEAST: usize = 3;

/// The ratio of the standard deviation and the median absolute deviation of a normal distribution.
const DEVIATION_IN_MADS: f64 = 1.4826;

/// Two rates are the same if they differ by at most this part of the earlier one: random arrivals differ by chance.
const SAME_RATE: f64 = 0.05;

/// The name of the figures of sessions, beside those of hooks.
const SESSION: &str = "session";

/// A figure that rounds have.
struct ComparedFigure {
    name: &'static str,
    of: fn(&RoundTimes) -> f64,
    /// How many standard deviations are noise.
    deviations: f64,
    /// The noise is at least this part of the earlier value.
    share: f64,
    /// The noise is at least this.
    floor: f64,
}

impl ComparedFigure {
    /// A lower bound for all rounds of a worse run, beside the median: for the noisiest figure it is the worst earlier
    /// round, except for one of eight rounds, which may be an accident.
    fn usual_most(&self, before: &[f64]) -> f64 {
        let mut sorted = before.to_vec();
        sorted.sort_by(f64::total_cmp);
        let is_noisy = self.deviations > 3.0;
        is_noisy.then(|| sorted.into_iter().rev().nth(before.len() / 8)).flatten().unwrap_or(f64::MIN)
    }
}

/// Figures of sessions and hooks. The longest of a hundred times is so noisy that a few rounds do not even show how
/// noisy; hence the fourth deviation.
const LATENCIES: [ComparedFigure; 3] = [
    ComparedFigure { name: "p50_ms", of: |times| times.p50_ms, deviations: 3.0, share: 0.1, floor: 0.5 },
    ComparedFigure { name: "p90_ms", of: |times| times.p90_ms, deviations: 3.0, share: 0.1, floor: 0.5 },
    ComparedFigure { name: "p99_ms", of: |times| times.p99_ms, deviations: 4.0, share: 0.2, floor: 2.0 },
];

/// Figures of hooks only.
const COSTS: [ComparedFigure; 2] = [
    ComparedFigure { name: "cpu_ms", of: |times| times.cpu_ms, deviations: 3.0, share: 0.1, floor: 0.5 },
    ComparedFigure { name: "peak_mb", of: |times| times.peak_mb, deviations: 3.0, share: 0.1, floor: 1.0 },
];

/// Compares `after` with `before`, which comes from `file`.
pub fn compare(file: &str, before: &Measured, after: &Measured) -> Comparison {
    let mut notes = differences(file, before, after);
    let mut changes = Vec::new();
    let mut add = |of: &str, figures: &[&[ComparedFigure]], one: &[RoundTimes], other: &[RoundTimes]| {
        let few = |rounds: &[RoundTimes]| rounds.len() < ROUNDS_LEAST;
        if few(one) || few(other) {
            let whose = if few(one) { format!("`{file}`") } else { "this run".to_owned() };
            notes.push(format!(
                "`{of}` is not compared: {whose} has fewer than {ROUNDS_LEAST} rounds in which it ended"
            ));
            return;
        }
        for figure in figures.iter().copied().flatten() {
            let values = |rounds: &[RoundTimes]| rounds.iter().map(figure.of).collect::<Vec<_>>();
            changes.push(change(of, figure, &values(one), &values(other), Better::Less));
        }
    };
    add(SESSION, &[&LATENCIES], &sessions(before), &sessions(after));
    for hook in before.hooks.keys().filter(|hook| after.hooks.contains_key(*hook)) {
        add(hook, &[&LATENCIES, &COSTS], &calls(before, hook), &calls(after, hook));
    }
    if before.rounds.len() >= ROUNDS_LEAST && after.rounds.len() >= ROUNDS_LEAST {
        let rates = |measured: &Measured| measured.rounds.iter().map(|round| round.achieved_rate).collect::<Vec<_>>();
        let rate = ComparedFigure { name: "achieved_rate", of: |_| 0.0, deviations: 3.0, share: 0.1, floor: 0.0 };
        let mut change = change(SESSION, &rate, &rates(before), &rates(after), Better::More);
        // If fewer sessions are due, fewer end.
        change.regression &= is_same_rate(before, after);
        changes.push(change);
    }
    // The sort is stable: the other changes stay in their order.
    changes.sort_by_key(|change| !change.regression);
    Comparison { file: file.to_owned(), changes, notes }
}

#[derive(Clone, Copy, PartialEq)]
enum Better {
    Less,
    More,
}

fn change(of: &str, figure: &ComparedFigure, before: &[f64], after: &[f64], better: Better) -> Change {
    let (was, is) = (median(before), median(after));
    let spread = figure.deviations * DEVIATION_IN_MADS * deviation(before, was).hypot(deviation(after, is));
    let noise = spread.max(figure.share * was.abs()).max(figure.floor);
    let regression = match better {
        Better::Less => is - was > noise && after.iter().all(|value| *value >= was.max(figure.usual_most(before))),
        Better::More => was - is > noise && after.iter().all(|value| *value <= was),
    };
    let (before, after, noise) = (rounded(was), rounded(is), rounded(noise));
    Change { of: of.to_owned(), figure: figure.name.to_owned(), before, after, noise, regression }
}

/// The rounds in which sessions ended.
fn sessions(measured: &Measured) -> Vec<RoundTimes> {
    measured.rounds.iter().map(|round| round.session).filter(|times| times.count > 0).collect()
}

/// The rounds in which calls of the hook ended.
fn calls(measured: &Measured, hook: &str) -> Vec<RoundTimes> {
    let rounds = measured.rounds.iter().filter_map(|round| round.hooks.get(hook));
    rounds.filter(|times| times.count > 0).copied().collect()
}

/// Differences that make the two hard to compare. What an older report does not have is no difference.
fn differences(file: &str, before: &Measured, after: &Measured) -> Vec<String> {
    let mut notes = Vec::new();
    let mut differ = |what: &str, was: String, is: String| {
        notes.push(format!("{what}: {was} in `{file}`, {is} in this run; so the two are hard to compare"));
    };
    if !is_same_rate(before, after) {
        let rate = |measured: &Measured| format!("{}/s", significant(measured.offered_rate, 3));
        differ("the offered rate differs", rate(before), rate(after));
    }
    for (what, was, is) in [
        ("arrivals differ", &before.arrivals, &after.arrivals),
        ("the isolation of calls differs", &before.isolation, &after.isolation),
    ] {
        if was != is && !was.is_empty() && !is.is_empty() {
            differ(what, format!("`{was}`"), format!("`{is}`"));
        }
    }
    for (what, was, is) in [
        ("the number of calls that may run at once differs", before.in_flight, after.in_flight),
        ("the number of processors differs", before.processors.count, after.processors.count),
    ] {
        if was != is && was > 0 && is > 0 {
            differ(what, was.to_string(), is.to_string());
        }
    }
    for hook in before.hooks.keys().filter(|hook| !after.hooks.contains_key(*hook)) {
        notes.push(format!("`{hook}` was called in `{file}` and not in this run"));
    }
    for hook in after.hooks.keys().filter(|hook| !before.hooks.contains_key(*hook)) {
        notes.push(format!("`{hook}` was not called in `{file}`"));
    }
    if before.saturated || after.saturated {
        let which = match (before.saturated, after.saturated) {
            (true, true) => "both runs were".to_owned(),
            (true, false) => format!("`{file}` was"),
            _ => "this run was".to_owned(),
        };
        notes.push(format!(
            "{which} saturated: then a latency shows how long the queue was, not how slow the plugin is"
        ));
    }
    notes
}

fn is_same_rate(before: &Measured, after: &Measured) -> bool {
    (before.offered_rate - after.offered_rate).abs() <= SAME_RATE * before.offered_rate.abs()
}

/// The median of the distances from `middle`.
fn deviation(values: &[f64], middle: f64) -> f64 {
    median(&values.iter().map(|value| (value - middle).abs()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::{
        Xoshiro256PlusPlus,
        rand_core::{Rng, SeedableRng},
    };

    use super::*;
    use crate::load::measured::{HookMeasured, Processors, Round};

    /// A machine with random noise.
    struct Machine(Xoshiro256PlusPlus);

    impl Machine {
        fn new(seed: u64) -> Self {
            Self(Xoshiro256PlusPlus::seed_from_u64(seed))
        }

        /// About normal, with standard deviation 1.
        fn normal(&mut self) -> f64 {
            (0..12).map(|_| (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64).sum::<f64>() - 6.0
        }

        fn around(&mut self, value: f64, noise: f64) -> f64 {
            value * (1.0 + noise * self.normal())
        }

        /// A run of a plugin that takes about `ms`.
        fn run(&mut self, rounds: usize, ms: f64) -> Measured {
            // A whole run may differ a little too: another day, another temperature.
            let ms = self.around(ms, 0.01);
            let rounds = (0..rounds).map(|_| {
                let times = RoundTimes {
                    count: 200,
                    p50_ms: self.around(ms, 0.02),
                    p90_ms: self.around(ms * 1.2, 0.03),
                    p99_ms: self.around(ms * 2.0, 0.15),
                    cpu_ms: self.around(ms * 0.4, 0.02),
                    peak_mb: self.around(30.0, 0.002),
                };
                let achieved_rate = self.around(40.0, 0.02);
                Round { achieved_rate, session: times, hooks: [("authorize".to_owned(), times)].into() }
            });
            Measured {
                offered_rate: 40.0,
                arrivals: "constant".into(),
                isolation: "isolated".into(),
                in_flight: 4,
                processors: Processors { count: 2, ..Default::default() },
                rounds: rounds.collect(),
                hooks: [("authorize".to_owned(), HookMeasured::default())].into(),
                ..Default::default()
            }
        }
    }

    fn regressions(before: &Measured, after: &Measured) -> Vec<(String, String)> {
        let changes = compare("old.json", before, after).changes.into_iter();
        changes.filter(|change| change.regression).map(|change| (change.of, change.figure)).collect()
    }

    #[test]
    fn an_unchanged_plugin_passes_a_thousand_times() {
        for rounds in [5, 10] {
            let mut machine = Machine::new(1);
            let failed =
                (0..1000).filter(|_| !regressions(&machine.run(rounds, 50.0), &machine.run(rounds, 50.0)).is_empty());
            let failed = failed.count();
            assert!(failed <= 1, "{failed} of 1000 with {rounds} rounds");
        }
    }

    #[test]
    fn a_plugin_that_is_slower_by_a_fifth_fails_a_thousand_times() {
        for rounds in [5, 10] {
            let mut machine = Machine::new(2);
            for _ in 0..1000 {
                assert!(!regressions(&machine.run(rounds, 50.0), &machine.run(rounds, 60.0)).is_empty());
            }
        }
    }

    #[test]
    fn a_plugin_that_became_faster_is_no_regression() {
        let mut machine = Machine::new(3);
        assert_eq!(regressions(&machine.run(10, 60.0), &machine.run(10, 40.0)), []);
    }

    #[test]
    fn one_bad_round_on_either_side_changes_nothing() {
        let mut machine = Machine::new(4);
        let (before, mut after) = (machine.run(5, 50.0), machine.run(5, 50.0));
        after.rounds[2].session.p50_ms = 900.0;
        after.rounds[2].achieved_rate = 3.0;
        assert_eq!(regressions(&before, &after), []);
        let (mut before, after) = (machine.run(5, 50.0), machine.run(5, 70.0));
        before.rounds[2].session.p50_ms = 900.0;
        assert!(!regressions(&before, &after).is_empty(), "nor does it hide a regression");
    }

    #[test]
    fn half_a_run_that_was_slow_is_no_regression() {
        let mut machine = Machine::new(5);
        let (before, mut after) = (machine.run(5, 50.0), machine.run(5, 70.0));
        let good = machine.run(5, 49.0);
        after.rounds[0] = good.rounds[0].clone();
        after.rounds[1] = good.rounds[1].clone();
        assert_eq!(regressions(&before, &after), []);
    }

    #[test]
    fn a_very_short_time_may_double() {
        let mut machine = Machine::new(6);
        assert_eq!(regressions(&machine.run(10, 0.2), &machine.run(10, 0.4)), []);
    }

    #[test]
    fn more_memory_alone_is_a_regression_and_comes_first() {
        let mut machine = Machine::new(7);
        let (before, mut after) = (machine.run(5, 50.0), machine.run(5, 50.0));
        for round in &mut after.rounds {
            round.hooks.values_mut().for_each(|times| times.peak_mb += 10.0);
        }
        let comparison = compare("old.json", &before, &after);
        let first = &comparison.changes[0];
        assert_eq!((first.of.as_str(), first.figure.as_str(), first.regression), ("authorize", "peak_mb", true));
        assert!((first.after - first.before - 10.0).abs() < 0.3 && first.noise < 3.1);
        assert_eq!(comparison.changes.len(), 9);
        assert_eq!(comparison.notes, [""; 0]);
    }

    #[test]
    fn fewer_sessions_are_a_regression_only_if_as_many_were_due() {
        let mut machine = Machine::new(8);
        let (before, mut after) = (machine.run(5, 50.0), machine.run(5, 50.0));
        after.rounds.iter_mut().for_each(|round| round.achieved_rate /= 2.0);
        assert_eq!(regressions(&before, &after), [("session".into(), "achieved_rate".into())]);
        after.offered_rate = 20.0;
        let comparison = compare("old.json", &before, &after);
        assert!(comparison.changes.iter().all(|change| !change.regression));
        assert_eq!(
            comparison.notes,
            ["the offered rate differs: 40/s in `old.json`, 20/s in this run; so the two are hard to compare"]
        );
    }

    #[test]
    fn every_difference_between_the_runs_is_noted() {
        let mut machine = Machine::new(9);
        let (before, mut after) = (machine.run(5, 50.0), machine.run(5, 50.0));
        after.arrivals = "poisson".into();
        after.isolation = "persistent".into();
        after.in_flight = 8;
        after.processors.count = 64;
        after.saturated = true;
        after.hooks = [("authenticate".to_owned(), HookMeasured::default())].into();
        let notes = compare("old.json", &before, &after).notes.join("\n");
        for part in [
            "arrivals differ: `constant` in `old.json`, `poisson`",
            "`isolated` in `old.json`, `persistent` in this run",
            "at once differs: 4 in",
            "processors differs: 2 in `old.json`, 64 in",
            "`authorize` was called in `old.json` and not in this run",
            "`authenticate` was not called in `old.json`",
            "this run was saturated",
        ] {
            assert!(notes.contains(part), "{part}: {notes}");
        }
    }

    #[test]
    fn what_an_older_report_does_not_have_is_no_difference() {
        let after = Machine::new(10).run(5, 50.0);
        let before = Measured { arrivals: String::new(), isolation: String::new(), in_flight: 0, ..after.clone() };
        assert_eq!(compare("old.json", &before, &after).notes, [""; 0]);
    }

    #[test]
    fn too_few_rounds_are_not_compared_and_a_note_says_so() {
        let mut machine = Machine::new(11);
        let comparison = compare("old.json", &machine.run(2, 50.0), &machine.run(5, 90.0));
        assert!(comparison.changes.is_empty());
        assert_eq!(
            comparison.notes[0],
            "`session` is not compared: `old.json` has fewer than 3 rounds in which it ended"
        );
    }
}
