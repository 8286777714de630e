//! [`Recorder`].

use std::time::Duration;

use super::{
    backlog::Backlog,
    input::{CallTimes, RunShape},
    progress::LoadProgress,
    rounds::Rounds,
    timeline::{Now, Timeline},
    times::Fine,
    totals::{Counts, HOOKS, HookTotals},
    window::{Recent, Window},
};
use crate::{
    contract::Hook,
    load::{measured::Measured, numbers::rounded},
};

/// Records what happens.
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

impl Recorder {
    /// With nothing recorded.
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

    /// A session was due at this moment of the schedule.
    pub fn due(&mut self, at: Duration) {
        self.timeline.at(at, self.counts.now()).due += 1;
        self.backlog.due(at);
        self.counts.due += 1;
        self.last_due = self.last_due.max(at);
    }

    /// The schedule released a session or call with this delay.
    pub fn released(&mut self, delay: Duration) {
        self.delays.record(delay);
    }

    /// A session's first call has a worker.
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

    /// A session ended at this moment. Its latency counts from when it was due, without think time.
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

    /// A session did not end. It had `waited` since it was due.
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

    /// How far the run is at this moment.
    pub fn progress(&self, at: Duration) -> LoadProgress {
        let (Now { in_flight, waiting }, recent) = (self.counts.now(), self.window.recent(at));
        let Recent { rate: achieved_rate, p50_ms, p99_ms } = recent;
        let Counts { ended: sessions, calls, errors, .. } = self.counts;
        LoadProgress { elapsed: at, sessions, calls, errors, in_flight, waiting, achieved_rate, p50_ms, p99_ms }
    }

    /// The results of a run that ended after `elapsed`, and its schedule after `scheduled`. What the recorder does not
    /// see stays empty: how busy the processors were, objectives, capacity, comparison, growth.
    pub fn finish(self, elapsed: Duration, scheduled: Duration) -> Measured {
        let elapsed = elapsed.max(self.last_end);
        // A schedule without an end ended with the run.
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

    /// The rate of the schedule. If chance, a ramp or an early end changed it, the rate of the sessions that were due.
    fn offered_rate(&self, scheduled: Duration) -> f64 {
        let seconds = scheduled.as_secs_f64();
        let expected = self.shape.offered_rate * seconds;
        let is_as_expected = (self.counts.due as f64 - expected).abs() <= 1.0 + 1e-6 * expected;
        match is_as_expected || seconds == 0.0 {
            true => self.shape.offered_rate,
            false => self.counts.due as f64 / seconds,
        }
    }

    /// The seconds over which the ends of the sessions are spread: from the first end to the last, and the gap before
    /// the first. So a plugin that keeps up achieves the offered rate for any duration of a session, and a late start
    /// does not make it look faster.
    fn span(&self, scheduled: Duration, offered_rate: f64) -> f64 {
        let gap = if offered_rate > 0.0 { 1.0 / offered_rate } else { 0.0 };
        let ends = self.last_end.saturating_sub(self.first_end.unwrap_or_default()).as_secs_f64();
        scheduled.as_secs_f64().max(ends + gap)
    }

    /// How much memory the recorder has.
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
