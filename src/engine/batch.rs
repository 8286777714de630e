//! Runs a batch of sessions fast and keeps of them only what a campaign must look at: [`Sightings`]. Sessions and traces
//! are dropped at once, so that memory stays flat however many there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use crate::{
    case::Session,
    contract::Hook,
    engine::{
        Stop,
        bench::{Bench, class, timed_out},
        course::Course,
    },
    finding::{Finding, Fingerprint},
    runtime::RuntimeError,
    trace::Trace,
};

/// How many sessions of one batch are kept for each thing that may carry state over.
pub(super) const SESSIONS_FOR_A_CHANGE: u32 = 3;
/// How many changed things of one session are kept.
const CHANGES_OF_A_SESSION: usize = 16;
/// The sessions of a batch that run before anybody looks how long they take.
const FIRST: u64 = 4;
/// When sessions take this long together, the next ones run one by one, so that Ctrl-C is heard.
const SLOW: Duration = Duration::from_secs(1);

/// What a batch showed.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    /// Sessions that ran.
    pub(super) sessions: u64,
    /// Calls that ran.
    pub(super) calls: u64,
    /// What looks like a finding.
    pub(super) suspicions: BTreeMap<Fingerprint, Suspicion>,
    /// What sessions changed that may carry state over, by the session's number.
    pub(super) changes: BTreeMap<u64, Vec<String>>,
    /// In how many ordinary sessions each hook was called.
    pub(super) ordinary_calls: BTreeMap<Hook, u64>,
    /// The hooks of the plugin under test that were called.
    pub(super) hooks: BTreeSet<Hook>,
    /// Sessions with calls that ran out of time.
    pub(super) timed_out: Vec<u64>,
    /// How many sessions changed each thing.
    changed: BTreeMap<String, u32>,
}

/// What looks like a finding, in the sessions of one batch.
#[derive(Debug)]
pub(super) struct Suspicion {
    /// Sessions that showed it.
    pub(super) sessions: u64,
    /// The first session of each class that showed it, and what it showed.
    pub(super) examples: Vec<(u64, Finding)>,
}

/// Runs a batch, or what of it ran before somebody asked to stop.
pub(super) fn run(
    bench: &mut Bench<'_>,
    course: &Course<'_>,
    batch: u64,
    stop: &Stop,
) -> Result<Sightings, RuntimeError> {
    let mut sightings = Sightings::default();
    in_slices(course.batch(batch), &|| stop.requested(), |numbers| {
        let sessions: Vec<_> = numbers.clone().map(|number| course.session(number)).collect();
        let traces = bench.persistent(&sessions)?;
        for ((number, session), trace) in numbers.zip(&sessions).zip(&traces) {
            sightings.add(number, session, bench.judge(session, trace), trace, course.is_ordinary(number));
        }
        Ok(traces.iter().map(elapsed).sum())
    })?;
    Ok(sightings)
}

/// Has sessions run: the first few; when these take long the next ones one by one, so that whoever wants an end is heard;
/// else the rest at once. `run` says how long they took.
pub(super) fn in_slices(
    numbers: Range<u64>,
    is_over: &dyn Fn() -> bool,
    mut run: impl FnMut(Range<u64>) -> Result<Duration, RuntimeError>,
) -> Result<(), RuntimeError> {
    let mut next = numbers.start;
    let mut at_once = FIRST;
    while next < numbers.end && !is_over() {
        let end = next.saturating_add(at_once).min(numbers.end);
        let elapsed = run(next..end)?;
        at_once = if elapsed > SLOW { 1 } else { u64::MAX };
        next = end;
    }
    Ok(())
}

/// How long the calls of a session took.
pub(super) fn elapsed(trace: &Trace) -> Duration {
    trace.calls.iter().map(|call| call.elapsed).sum()
}

impl Sightings {
    /// Counts what a session showed.
    pub(super) fn add(
        &mut self,
        number: u64,
        session: &Session,
        findings: Vec<Finding>,
        trace: &Trace,
        is_ordinary: bool,
    ) {
        let is_own = |call: &usize| session.calls.get(*call).is_some_and(|call| !call.other);
        let own = trace.calls.iter().filter(|seen| is_own(&seen.call));
        self.hooks.extend(own.map(|seen| seen.hook));
        self.add_changes(number, trace);
        self.sessions += 1;
        self.calls += trace.calls.len() as u64;
        if timed_out(trace) {
            self.timed_out.push(number);
        }
        if is_ordinary {
            let mut hooks: Vec<Hook> = trace.calls.iter().map(|call| call.hook).collect();
            hooks.sort_unstable();
            hooks.dedup();
            for hook in hooks {
                *self.ordinary_calls.entry(hook).or_default() += 1;
            }
        }
        for finding in findings {
            let suspicion = self
                .suspicions
                .entry(finding.fingerprint.clone())
                .or_insert_with(|| Suspicion { sessions: 0, examples: Vec::new() });
            suspicion.sessions += 1;
            if suspicion.examples.iter().all(|(_, known)| class(known) != class(&finding)) {
                suspicion.examples.push((number, finding));
            }
        }
    }

    fn add_changes(&mut self, number: u64, trace: &Trace) {
        for name in trace.changes.iter().take(CHANGES_OF_A_SESSION) {
            let times = self.changed.entry(name.clone()).or_default();
            *times += 1;
            if *times <= SESSIONS_FOR_A_CHANGE {
                self.changes.entry(number).or_default().push(name.clone());
            }
        }
    }
}
