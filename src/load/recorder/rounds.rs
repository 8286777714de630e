//! [`Rounds`]: the run in a few long rounds. Their differences are the noise of the machine, which a comparison with
//! another run must know.
//!
//! If the duration is known, rounds are equal parts of it, and what ends later belongs to the last one. If not, there
//! are between the wanted number and twice as many; neighbours are merged as time goes on.

use std::time::Duration;

use super::{
    input::CallTimes,
    series::{Cell, Series},
    timeline::{lengths, merge_tail},
    times::Coarse,
    totals::{HOOKS, MB, mean_ms},
};
use crate::{
    contract::Hook,
    load::{
        measured::{Round, RoundTimes},
        numbers::rounded,
    },
};

/// More rounds would be too short to show anything, and cost memory.
const ROUNDS_MOST: usize = 64;

/// The length of a round at the start, if the duration is unknown.
const LENGTH_LEAST: Duration = Duration::from_millis(250);

/// The rounds so far.
#[derive(Debug)]
pub(super) struct Rounds(Series<RoundCell>);

/// A round while it is recorded.
#[derive(Debug, Default)]
struct RoundCell {
    sessions: Coarse,
    hooks: [HookCell; HOOKS],
}

/// The calls of a hook.
#[derive(Debug, Default)]
struct HookCell {
    latency: Coarse,
    cpu: Duration,
    peak_bytes: u64,
}

impl Cell for RoundCell {
    fn absorb(&mut self, later: Self) {
        self.sessions.absorb(later.sessions);
        for (mine, theirs) in self.hooks.iter_mut().zip(later.hooks) {
            mine.latency.absorb(theirs.latency);
            mine.cpu = mine.cpu.saturating_add(theirs.cpu);
            mine.peak_bytes = mine.peak_bytes.max(theirs.peak_bytes);
        }
    }
}

impl Rounds {
    /// For a run of that duration.
    pub(super) fn new(duration: Duration, rounds: usize) -> Self {
        let rounds = rounds.clamp(1, ROUNDS_MOST);
        Self(match duration {
            Duration::MAX => Series::folding(LENGTH_LEAST, 2 * rounds),
            _ => Series::fixed(duration / rounds as u32, rounds),
        })
    }

    pub(super) fn call(&mut self, call: &CallTimes) {
        let hook = &mut self.0.at(call.at).hooks[call.hook as usize];
        hook.latency.record(call.latency);
        hook.cpu = hook.cpu.saturating_add(call.cpu);
        hook.peak_bytes = hook.peak_bytes.max(call.peak_bytes);
    }

    pub(super) fn ended(&mut self, at: Duration, latency: Duration) {
        self.0.at(at).sessions.record(latency);
    }

    /// The rounds of a run that ended after `elapsed`.
    pub(super) fn rounds(self, elapsed: Duration) -> Vec<Round> {
        let length = self.0.length().as_secs_f64();
        let lengths = lengths(self.0.cells().len(), length, elapsed.as_secs_f64());
        let cells = merge_tail(self.0.into_cells(), lengths.len());
        let round = |(cell, seconds): (RoundCell, f64)| Round {
            achieved_rate: rounded(cell.sessions.count() as f64 / seconds),
            session: times(&cell.sessions),
            hooks: Hook::ALL
                .iter()
                .zip(&cell.hooks)
                .filter(|(_, cell)| cell.latency.count() > 0)
                .map(|(hook, cell)| (hook.name().to_owned(), cell.times()))
                .collect(),
        };
        cells.into_iter().zip(lengths).map(round).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        let hooks = |cell: &RoundCell| cell.hooks.iter().map(|hook| hook.latency.bytes()).sum::<usize>();
        self.0.bytes(|cell| cell.sessions.bytes() + hooks(cell))
    }
}

impl HookCell {
    fn times(&self) -> RoundTimes {
        RoundTimes {
            cpu_ms: mean_ms(self.cpu, self.latency.count()),
            peak_mb: rounded(self.peak_bytes as f64 / MB),
            ..times(&self.latency)
        }
    }
}

fn times(times: &Coarse) -> RoundTimes {
    RoundTimes {
        count: times.count(),
        p50_ms: times.quantile_ms(0.5),
        p90_ms: times.quantile_ms(0.9),
        p99_ms: times.quantile_ms(0.99),
        ..RoundTimes::default()
    }
}
