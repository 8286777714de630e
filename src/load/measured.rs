//! [`Measured`]: the results of a load test, the `load` object of a report. The same types write and read it, so that
//! an earlier report can be compared with a new one.
//!
//! Times are in milliseconds, rates per second, memory in megabytes (1024 × 1024 bytes). A latency counts from the
//! moment when a call or session was due, so a stall shows in all sessions that had to wait for it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The results of a load test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// Sessions that were due, per second of the schedule.
    pub offered_rate: f64,
    /// Sessions that ended, per second of the time in which they did, at least the time of the schedule.
    pub achieved_rate: f64,
    /// Calls that ended, per second of that time.
    #[serde(default)]
    pub call_rate: f64,
    /// Whether sessions came faster than they were served, so that the queue grew until the end of the schedule.
    pub saturated: bool,
    /// Sessions that ended.
    pub sessions: u64,
    /// Sessions that were due and did not end before the end of the run. Each counts in the latencies with the time
    /// that it had waited until then.
    #[serde(default)]
    pub unfinished: u64,
    /// Calls that did not return: they raised, reached the time limit or died.
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
    /// How long sessions were due, in seconds.
    #[serde(default)]
    pub duration_seconds: f64,
    /// How late the schedule itself was: hookstorm's own delay.
    #[serde(default)]
    pub schedule_delay: Percentiles,
    /// From the moment when a session was due to the end of its last call, without think time.
    #[serde(default)]
    pub session: Percentiles,
    /// Each hook that was called.
    pub hooks: BTreeMap<String, HookMeasured>,
    /// What the machine's processors did during the run.
    #[serde(default)]
    pub processors: Processors,
    /// The run in slices of equal length, at most 240.
    #[serde(default)]
    pub timeline: Vec<Slice>,
    /// The run in a few long rounds. Their spread is the noise in a comparison.
    #[serde(default)]
    pub rounds: Vec<Round>,
    /// The objectives, and whether they were met.
    #[serde(default)]
    pub objectives: Vec<ObjectiveMeasured>,
    /// The result of `--capacity`; null without this option. With it, the rest is measured at the highest rate that met
    /// the objectives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// The comparison with `--baseline`; null without this option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Comparison>,
    /// What grew with the number of calls.
    #[serde(default)]
    pub growth: Vec<Growth>,
}

impl Measured {
    /// Whether the run failed: an objective was missed, or a figure got worse by more than the noise.
    pub fn is_failure(&self) -> bool {
        let missed = self.objectives.iter().any(|objective| !objective.met);
        missed || self.baseline.as_ref().is_some_and(|baseline| baseline.changes.iter().any(|change| change.regression))
    }
}

/// The distribution of a latency or another time.
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
    /// From the moment when a call was due to its end.
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
    /// The mean processor time of a call, with its child processes.
    #[serde(default)]
    pub cpu_ms: f64,
    /// The most memory that the process of a call had, with interpreter and plugin.
    #[serde(default)]
    pub peak_mb: f64,
}

/// What the machine's processors did during the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Processors {
    /// How many processors hookstorm may use.
    pub count: usize,
    /// How busy they were with everything, from 0 to 1.
    pub busy: f64,
    /// How busy they were with the plugin's calls, from 0 to 1.
    pub plugin: f64,
}

/// A slice of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slice {
    /// When it began, in seconds since the start.
    pub at_seconds: f64,
    /// Its length.
    pub seconds: f64,
    /// Sessions that were due, per second.
    pub offered_rate: f64,
    /// Sessions that ended, per second.
    pub achieved_rate: f64,
    /// Sessions that had begun and not ended, at the slice's end.
    pub in_flight: u64,
    /// Sessions that were due and had not begun, at the slice's end.
    pub waiting: u64,
    /// The median latency of the sessions that ended in the slice; 0 if none did.
    pub p50_ms: f64,
    /// Their 99th percentile.
    pub p99_ms: f64,
    /// Their maximum.
    pub max_ms: f64,
    /// Calls that did not return.
    pub errors: u64,
}

/// A round of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Round {
    /// Sessions that ended, per second.
    pub achieved_rate: f64,
    /// The times of the sessions that ended in it.
    pub session: RoundTimes,
    /// The times of the calls that ended in it, by hook.
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

/// An objective, and whether it was met.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectiveMeasured {
    /// The objective: `p99=500ms`.
    pub objective: String,
    /// What was measured, in the same unit: `612ms`.
    pub measured: String,
    /// Whether it was met.
    pub met: bool,
    /// By how much it was missed, as a part of the objective: 0.224 for 612 ms instead of 500 ms; 0 if it was met.
    pub missed_by: f64,
}

/// The result of a search for the capacity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    /// The highest rate of sessions that met the objectives; 0 if none did.
    pub rate: f64,
    /// Why it is not higher.
    pub limit: Limit,
    /// The reason in a sentence, with figures.
    pub reason: String,
    /// The rates that were tried, in ascending order.
    pub steps: Vec<Step>,
}

/// Why a rate is not higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The plugin: processors and workers had time left.
    #[default]
    Plugin,
    /// The processors of this machine had no time left.
    Machine,
    /// All calls that may run at once ran: `--in-flight`.
    InFlight,
    /// There was no limit at the rates that were tried.
    None,
}

/// One rate that was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The rate that was offered.
    pub rate: f64,
    /// The rate that was achieved.
    pub achieved_rate: f64,
    /// The median of the sessions' latencies.
    pub p50_ms: f64,
    /// Their 99th percentile.
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

/// A comparison with an earlier report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The file of the earlier report.
    pub file: String,
    /// Each figure that both have; regressions first.
    pub changes: Vec<Change>,
    /// Differences that make the two hard to compare: another rate, another machine.
    pub notes: Vec<String>,
}

/// One figure of two reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// A hook, or `session`.
    pub of: String,
    /// The figure: `p50_ms`, `p90_ms`, `p99_ms`, `cpu_ms`, `peak_mb`, `achieved_rate`.
    pub figure: String,
    /// The median of the rounds of the earlier report.
    pub before: f64,
    /// The median of the rounds of this one.
    pub after: f64,
    /// How much the two may differ by chance.
    pub noise: f64,
    /// Whether it got worse by more than that.
    pub regression: bool,
}

/// A resource that grew with the number of calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Growth {
    /// The resource: `memory`, `descriptors`, `threads` or `files`.
    pub what: String,
    /// The growth with each call; bytes for memory.
    pub per_call: f64,
    /// The amount at the start; bytes for memory.
    pub from: f64,
    /// The amount at the end; bytes for memory.
    pub to: f64,
    /// The number of calls between the two.
    pub calls: u64,
}
