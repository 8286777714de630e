//! What a load run measured: [`Measured`], the `load` object of a report. Written and read back in this one form, so
//! that yesterday's report can be held against today's.
//!
//! Times are milliseconds, rates are per second, memory is megabytes (1024 × 1024 bytes). A latency counts from the
//! moment at which a call or session was due, so that a stall shows in all that had to wait for it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a load run measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// Sessions that were due, per second of the schedule.
    pub offered_rate: f64,
    /// Sessions that ended, per second of the time over which they did, at least the schedule's.
    pub achieved_rate: f64,
    /// Calls that ended, per second of that time.
    #[serde(default)]
    pub call_rate: f64,
    /// Whether sessions came faster than they were served, so that the queue grew until the schedule's end.
    pub saturated: bool,
    /// Sessions that ended.
    pub sessions: u64,
    /// Sessions that were due and did not end before the run was given up; each counts in the latencies with the time
    /// that it had waited by then.
    #[serde(default)]
    pub unfinished: u64,
    /// Calls that did not return: raised, ran out of time, died.
    #[serde(default)]
    pub errors: u64,
    /// The schedule: `constant` or `poisson`.
    #[serde(default)]
    pub arrivals: String,
    /// How calls share processes: `isolated` or `persistent`.
    #[serde(default)]
    pub isolation: String,
    /// How many calls, or persistent sessions, may run at once.
    #[serde(default)]
    pub in_flight: usize,
    /// How long sessions were due for, in seconds.
    #[serde(default)]
    pub duration_seconds: f64,
    /// How late the schedule itself was with what was due: hookstorm's own delay.
    #[serde(default)]
    pub schedule_delay: Percentiles,
    /// From a session's due moment to the end of its last call, think time left out.
    #[serde(default)]
    pub session: Percentiles,
    /// Each hook that was called.
    pub hooks: BTreeMap<String, HookMeasured>,
    /// What the machine's processors did meanwhile.
    #[serde(default)]
    pub processors: Processors,
    /// The run in slices of equal length, at most 240.
    #[serde(default)]
    pub timeline: Vec<Slice>,
    /// The run in a few long rounds, whose spread is the noise that a comparison takes into account.
    #[serde(default)]
    pub rounds: Vec<Round>,
    /// What was asked for, and whether it was met.
    #[serde(default)]
    pub objectives: Vec<ObjectiveMeasured>,
    /// What `--capacity` found; null where it was not asked for. The rest is then measured at the highest rate that met
    /// the objectives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// How it compares with `--baseline`; null where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Comparison>,
    /// What grew with the number of calls.
    #[serde(default)]
    pub growth: Vec<Growth>,
}

impl Measured {
    /// Whether it fails a run: an objective was missed, or a figure is worse than it was by more than the noise.
    pub fn is_failure(&self) -> bool {
        let missed = self.objectives.iter().any(|objective| !objective.met);
        missed || self.baseline.as_ref().is_some_and(|baseline| baseline.changes.iter().any(|change| change.regression))
    }
}

/// To three digits behind the point, as figures of reports are told; what is no number is 0.
pub(crate) fn rounded(number: f64) -> f64 {
    let rounded = (number * 1000.0).round() / 1000.0;
    if rounded.is_finite() { rounded } else { 0.0 }
}

/// Of a latency or another time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// How many there were.
    pub count: u64,
    /// Half of them were at most this.
    pub p50_ms: f64,
    /// 90 % of them were at most this.
    pub p90_ms: f64,
    /// 99 % of them were at most this.
    pub p99_ms: f64,
    /// 99.9 % of them were at most this.
    pub p99_9_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// What was measured of one hook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HookMeasured {
    /// From the moment at which a call was due to its end.
    #[serde(flatten)]
    pub latency: Percentiles,
    /// Calls that did not return.
    pub errors: u64,
    /// The part of the latency that was spent in the plugin: `Plugin(configuration)` and the hook.
    #[serde(default)]
    pub plugin: Percentiles,
    /// The part of the latency that was spent waiting for a worker.
    #[serde(default)]
    pub waiting: Percentiles,
    /// Processor time of a call, its child processes included: the mean.
    #[serde(default)]
    pub cpu_ms: f64,
    /// The most memory that a call's process had, interpreter and plugin included.
    #[serde(default)]
    pub peak_mb: f64,
}

/// What the machine's processors did during the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Processors {
    /// How many there are for us.
    pub count: usize,
    /// How busy they were with whatever there was, from 0 to 1.
    pub busy: f64,
    /// How busy they were with the plugin's calls, from 0 to 1.
    pub plugin: f64,
}

/// A slice of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slice {
    /// When it began, in seconds since the beginning.
    pub at_seconds: f64,
    /// How long it was.
    pub seconds: f64,
    /// Sessions that were due, per second.
    pub offered_rate: f64,
    /// Sessions that ended, per second.
    pub achieved_rate: f64,
    /// Sessions that had begun and not ended, at the slice's end.
    pub in_flight: u64,
    /// Sessions that were due and had not begun, at the slice's end.
    pub waiting: u64,
    /// Of the latencies of sessions that ended in the slice; 0 where none did.
    pub p50_ms: f64,
    /// As `p50_ms`.
    pub p99_ms: f64,
    /// As `p50_ms`.
    pub max_ms: f64,
    /// Calls that did not return.
    pub errors: u64,
}

/// A round of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Round {
    /// Sessions that ended, per second.
    pub achieved_rate: f64,
    /// Of sessions that ended in it.
    pub session: RoundTimes,
    /// Of calls that ended in it, by hook.
    pub hooks: BTreeMap<String, RoundTimes>,
}

/// The times of a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoundTimes {
    /// How many there were.
    pub count: u64,
    /// As in [`Percentiles`].
    pub p50_ms: f64,
    /// As in [`Percentiles`].
    pub p90_ms: f64,
    /// As in [`Percentiles`].
    pub p99_ms: f64,
    /// Mean processor time of a call; 0 for sessions.
    #[serde(default)]
    pub cpu_ms: f64,
    /// The most memory of a call's process; 0 for sessions.
    #[serde(default)]
    pub peak_mb: f64,
}

/// An objective and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectiveMeasured {
    /// As it was given: `p99=500ms`.
    pub objective: String,
    /// What was measured, in the same unit: `612ms`.
    pub measured: String,
    /// Whether it was met.
    pub met: bool,
    /// By how much it was missed, as a part of what was asked for: 0.224 for 612 ms against 500 ms; 0 where it was met.
    pub missed_by: f64,
}

/// What a search for the capacity found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    /// The highest rate of sessions that met the objectives; 0 where none did.
    pub rate: f64,
    /// What kept it from being higher.
    pub limit: Limit,
    /// That in a sentence, with figures.
    pub reason: String,
    /// What was tried, by rate.
    pub steps: Vec<Step>,
}

/// What limits a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The plugin: processors and workers had time left.
    #[default]
    Plugin,
    /// The processors of this machine had none left.
    Machine,
    /// All calls that may run at once ran: `--in-flight`.
    InFlight,
    /// Nothing, as far as was tried.
    None,
}

/// One rate that was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The rate that was offered.
    pub rate: f64,
    /// The rate that was achieved.
    pub achieved_rate: f64,
    /// Of the sessions' latencies.
    pub p50_ms: f64,
    /// As `p50_ms`.
    pub p99_ms: f64,
    /// The part of the calls that did not return, from 0 to 1.
    pub errors: f64,
    /// How busy the machine's processors were, from 0 to 1.
    pub busy: f64,
    /// Whether sessions came faster than they were served.
    pub saturated: bool,
    /// Whether it met the objectives.
    pub met: bool,
}

/// Two reports side by side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The file of the earlier one.
    pub file: String,
    /// Each figure that both have; regressions first.
    pub changes: Vec<Change>,
    /// What makes the two hard to compare: another rate, another machine.
    pub notes: Vec<String>,
}

/// One figure of two reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Whose: a hook, or `session`.
    pub of: String,
    /// Which: `p50_ms`, `p90_ms`, `p99_ms`, `cpu_ms`, `peak_mb`, `achieved_rate`.
    pub figure: String,
    /// The median of the rounds of the earlier report.
    pub before: f64,
    /// The median of the rounds of this one.
    pub after: f64,
    /// How far the two may be apart by chance.
    pub noise: f64,
    /// Whether it got worse by more than that.
    pub regression: bool,
}

/// Something that grew with the number of calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Growth {
    /// What: `memory`, `descriptors`, `threads` or `files`.
    pub what: String,
    /// By how much with each call; bytes for memory.
    pub per_call: f64,
    /// What there was in the beginning; bytes for memory.
    pub from: f64,
    /// What there was at the end.
    pub to: f64,
    /// Over how many calls.
    pub calls: u64,
}
