//! Takes in what happens in a load run, as it happens, and makes [`Measured`] of it: [`Recorder`].
//!
//! Its memory is bounded however long the run is, below 32 MB: times are kept as distributions ([`times`]), the course
//! of the run in parts that become longer ([`series`]). Taking in a call costs well below a microsecond, so that
//! measuring does not show in what is measured. It has no clock of its own: all moments are given, counted from the
//! beginning of the run.

mod backlog;
mod rounds;
mod series;
mod timeline;
mod times;
mod window;

#[cfg(test)]
mod tests;

use std::time::Duration;

use backlog::Backlog;
use rounds::Rounds;
use timeline::{Now, Timeline};
use times::Fine;
use window::{Recent, Window};

use super::{
    arrivals::Arrivals,
    measured::{HookMeasured, Measured, rounded},
};
use crate::contract::Hook;

const HOOKS: usize = Hook::ALL.len();

/// Bytes of a megabyte, as everywhere in reports.
const MB: f64 = (1u64 << 20) as f64;

/// What is known of a run before it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct RunShape {
    /// How long sessions will be due for, `Schedule::length`; `Duration::MAX` where that is not known.
    pub duration: Duration,
    /// Into how many rounds it is divided, up to 64.
    pub rounds: usize,
    /// How many calls, or persistent sessions, may run at once.
    pub in_flight: usize,
    /// How calls share processes: `isolated` or `persistent`.
    pub isolation: String,
    /// How sessions are spread.
    pub arrivals: Arrivals,
    /// The rate that the schedule was made for.
    pub offered_rate: f64,
}

/// What was measured of one call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallTimes {
    /// What was called.
    pub hook: Hook,
    /// When it ended, since the beginning of the run.
    pub at: Duration,
    /// From the moment at which it was due to its end.
    pub latency: Duration,
    /// The part of that in which it waited for a worker.
    pub waiting: Duration,
    /// The part of that which was spent in the plugin.
    pub plugin: Duration,
    /// Processor time, child processes included.
    pub cpu: Duration,
    /// The most memory that its process had.
    pub peak_bytes: u64,
    /// Whether it did not return.
    pub is_error: bool,
}

/// How it goes, for the line on a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadProgress {
    /// Since the beginning.
    pub elapsed: Duration,
    /// Sessions that ended.
    pub sessions: u64,
    /// Calls that ended.
    pub calls: u64,
    /// Calls that did not return.
    pub errors: u64,
    /// Sessions that have begun and not ended.
    pub in_flight: u64,
    /// Sessions that are due and have not begun.
    pub waiting: u64,
    /// Sessions that ended in the last few seconds, per second.
    pub achieved_rate: f64,
    /// Of the latencies of these.
    pub p50_ms: f64,
    /// As `p50_ms`.
    pub p99_ms: f64,
}

/// Takes in what happens.
#[derive(Debug)]
pub struct Recorder {
    shape: RunShape,
    hooks: [HookTotals; HOOKS],
    sessions: Fine,
    delays: Fine,
    backlog: Backlog,
    timeline: Timeline,
    rounds: Rounds,
    window: Window,
    counts: Counts,
    last_due: Duration,
    first_end: Option<Duration>,
    last_end: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    due: u64,
    begun: u64,
    ended: u64,
    unfinished: u64,
    calls: u64,
    errors: u64,
}

impl Counts {
    fn now(&self) -> Now {
        Now {
            in_flight: self.begun.saturating_sub(self.ended),
            // What ended without having begun, for it had no call to make, does not wait either.
            waiting: self.due.saturating_sub(self.begun.max(self.ended)),
        }
    }
}

#[derive(Debug, Default)]
struct HookTotals {
    latency: Fine,
    plugin: Fine,
    waiting: Fine,
    errors: u64,
    cpu: Duration,
    peak_bytes: u64,
}

impl Recorder {
    /// With nothing taken in.
    pub fn new(shape: RunShape) -> Self {
        Self {
            hooks: Default::default(),
            sessions: Fine::default(),
            delays: Fine::default(),
            backlog: Backlog::new(),
            timeline: Timeline::new(shape.duration),
            rounds: Rounds::new(shape.duration, shape.rounds),
            window: Window::default(),
            counts: Counts::default(),
            last_due: Duration::ZERO,
            first_end: None,
            last_end: Duration::ZERO,
            shape,
        }
    }

    /// A session was due at that moment of the schedule.
    pub fn due(&mut self, at: Duration) {
        self.timeline.at(at, self.counts.now()).due += 1;
        self.backlog.due(at);
        self.counts.due += 1;
        self.last_due = self.last_due.max(at);
    }

    /// The schedule was that late with a session or call.
    pub fn released(&mut self, delay: Duration) {
        self.delays.record(delay);
    }

    /// A session's first call got a worker.
    pub fn begun(&mut self) {
        self.counts.begun += 1;
    }

    /// A call ended.
    pub fn call(&mut self, call: &CallTimes) {
        self.counts.calls += 1;
        let errors = u64::from(call.is_error);
        self.counts.errors += errors;
        let hook = &mut self.hooks[call.hook as usize];
        hook.latency.record(call.latency);
        hook.plugin.record(call.plugin);
        hook.waiting.record(call.waiting);
        hook.errors += errors;
        hook.cpu = hook.cpu.saturating_add(call.cpu);
        hook.peak_bytes = hook.peak_bytes.max(call.peak_bytes);
        self.timeline.at(call.at, self.counts.now()).errors += errors;
        self.rounds.call(call);
    }

    /// A session ended at that moment; its latency counts from when it was due, think time left out.
    pub fn ended(&mut self, at: Duration, latency: Duration) {
        self.timeline.at(at, self.counts.now()).sessions.record(latency);
        self.sessions.record(latency);
        self.backlog.ended(at);
        self.rounds.ended(at, latency);
        self.window.ended(at, latency);
        self.counts.ended += 1;
        self.first_end = Some(self.first_end.map_or(at, |first| first.min(at)));
        self.last_end = self.last_end.max(at);
    }

    /// A session was given up after it had `waited` since it was due.
    pub fn unfinished(&mut self, waited: Duration) {
        self.counts.unfinished += 1;
        self.sessions.record(waited);
    }

    /// Calls that ended so far.
    pub const fn calls(&self) -> u64 {
        self.counts.calls
    }

    /// Processor time of all calls so far.
    pub fn cpu(&self) -> Duration {
        self.hooks.iter().map(|hook| hook.cpu).sum()
    }

    /// How it goes at that moment.
    pub fn pulse(&self, at: Duration) -> LoadProgress {
        let (Now { in_flight, waiting }, recent) = (self.counts.now(), self.window.recent(at));
        let Recent { rate: achieved_rate, p50_ms, p99_ms } = recent;
        let Counts { ended: sessions, calls, errors, .. } = self.counts;
        LoadProgress { elapsed: at, sessions, calls, errors, in_flight, waiting, achieved_rate, p50_ms, p99_ms }
    }

    /// What was measured, when the run was over after `elapsed` and its schedule after `scheduled`. What the recorder
    /// does not see stays empty: how busy the processors were, objectives, capacity, comparison, growth.
    pub fn finish(self, elapsed: Duration, scheduled: Duration) -> Measured {
        let elapsed = elapsed.max(self.last_end);
        // A schedule without an end was over when the run was.
        let scheduled = if scheduled == Duration::MAX { elapsed } else { scheduled.max(self.last_due) };
        let offered_rate = self.offered_rate(scheduled);
        let span = self.span(scheduled, offered_rate);
        let per_second = |count: u64| if span > 0.0 { rounded(count as f64 / span) } else { 0.0 };
        Measured {
            offered_rate: rounded(offered_rate),
            achieved_rate: per_second(self.counts.ended),
            call_rate: per_second(self.counts.calls),
            saturated: self.backlog.is_saturated(scheduled),
            sessions: self.counts.ended,
            unfinished: self.counts.unfinished,
            errors: self.counts.errors,
            arrivals: self.shape.arrivals.name().to_owned(),
            isolation: self.shape.isolation,
            in_flight: self.shape.in_flight,
            duration_seconds: rounded(scheduled.as_secs_f64()),
            schedule_delay: self.delays.percentiles(),
            session: self.sessions.percentiles(),
            hooks: Hook::ALL
                .iter()
                .zip(&self.hooks)
                .filter(|(_, totals)| totals.latency.count() > 0)
                .map(|(hook, totals)| (hook.name().to_owned(), totals.measured()))
                .collect(),
            timeline: self.timeline.slices(elapsed, self.counts.now()),
            rounds: self.rounds.rounds(elapsed),
            ..Measured::default()
        }
    }

    /// What the schedule was made for; what came where chance, a ramp or an early end made that something else.
    fn offered_rate(&self, scheduled: Duration) -> f64 {
        let seconds = scheduled.as_secs_f64();
        let expected = self.shape.offered_rate * seconds;
        let is_as_expected = (self.counts.due as f64 - expected).abs() <= 1.0 + 1e-6 * expected;
        match is_as_expected || seconds == 0.0 {
            true => self.shape.offered_rate,
            false => self.counts.due as f64 / seconds,
        }
    }

    /// The seconds that the sessions' ends are spread over: from the first end to the last, and the gap before the
    /// first. A plugin that keeps up then achieves what is offered, however long a session takes; a late start makes it
    /// no faster.
    fn span(&self, scheduled: Duration, offered_rate: f64) -> f64 {
        let gap = if offered_rate > 0.0 { 1.0 / offered_rate } else { 0.0 };
        let ends = self.last_end.saturating_sub(self.first_end.unwrap_or_default()).as_secs_f64();
        scheduled.as_secs_f64().max(ends + gap)
    }

    /// How much memory it takes.
    pub fn bytes(&self) -> usize {
        let hook = |totals: &HookTotals| totals.latency.bytes() + totals.plugin.bytes() + totals.waiting.bytes();
        size_of::<Self>()
            + self.hooks.iter().map(hook).sum::<usize>()
            + self.sessions.bytes()
            + self.delays.bytes()
            + self.backlog.bytes()
            + self.timeline.bytes()
            + self.rounds.bytes()
            + self.window.bytes()
    }
}

impl HookTotals {
    fn measured(&self) -> HookMeasured {
        HookMeasured {
            latency: self.latency.percentiles(),
            errors: self.errors,
            plugin: self.plugin.percentiles(),
            waiting: self.waiting.percentiles(),
            cpu_ms: millis(self.cpu, self.latency.count()),
            peak_mb: rounded(self.peak_bytes as f64 / MB),
        }
    }
}

/// The mean of `count` times, in milliseconds of three digits.
fn millis(sum: Duration, count: u64) -> f64 {
    if count == 0 { 0.0 } else { (sum.as_secs_f64() * 1e6 / count as f64).round() / 1000.0 }
}
