//! A thread that makes calls: [`LoadWorker`] takes what is due from the queue, has its host make the calls, measures
//! them, and has what they showed judged.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    case::Session,
    engine::PendingFindings,
    finding::Finding,
    load::{
        CallTimes, GrowthWatch, LoadExecutor, Recorder, ResourceSample, Workload,
        queue::{Ready, ReadyQueue, SessionInFlight},
    },
    runtime::{Isolation, RuntimeError, SessionState, protocol::shared::now_ns},
    trace::{CallUsage, Trace},
};

/// Counts from the beginning of a run, on the clock that host and workers share.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunClock {
    began_ns: u64,
}

impl RunClock {
    /// Begins after `lead`; until then it stands at 0.
    pub(super) fn start_in(lead: Duration) -> Self {
        Self { began_ns: now_ns() + u64::try_from(lead.as_nanos()).unwrap_or(0) }
    }

    /// How long ago that was.
    pub(super) fn now(self) -> Duration {
        self.at(now_ns())
    }

    /// A moment of the clock; what lies before the beginning is the beginning.
    fn at(self, ns: u64) -> Duration {
        Duration::from_nanos(ns.saturating_sub(self.began_ns))
    }
}

/// Says what a session showed.
pub(super) type Judge<'a> = dyn Fn(&Session, &Trace) -> Vec<Finding> + Sync + 'a;

/// What all lanes of a run share.
pub(super) struct WorkerContext<'a> {
    pub(super) queue: ReadyQueue,
    pub(super) clock: RunClock,
    pub(super) workload: &'a dyn Workload,
    pub(super) judge: &'a Judge<'a>,
    pub(super) isolation: Isolation,
    pub(super) think: Duration,
    pub(super) recorder: Mutex<Recorder>,
    pub(super) pending: &'a Mutex<PendingFindings>,
    pub(super) growth: &'a Mutex<GrowthWatch>,
}

/// A panic of ours elsewhere is told by whoever joins the threads.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A lane.
pub(super) struct LoadWorker<'s, 'a> {
    shared: &'s WorkerContext<'a>,
    host: &'s mut dyn LoadExecutor,
    /// Whether what its process holds is watched: one lane's is enough, and lanes are not added up.
    is_watched: bool,
    calls: u64,
}

impl<'s, 'a> LoadWorker<'s, 'a> {
    pub(super) fn new(shared: &'s WorkerContext<'a>, host: &'s mut dyn LoadExecutor, is_watched: bool) -> Self {
        Self { shared, host, is_watched, calls: 0 }
    }

    /// Works until the queue is closed.
    pub(super) fn work(&mut self) {
        while let Some(ready) = self.shared.queue.take() {
            let served = match (ready, self.shared.isolation) {
                (Ready::Session { number, due }, Isolation::Persistent) => self.session(number, due),
                (Ready::Session { number, due }, Isolation::Isolated) => {
                    lock(&self.shared.recorder).begun();
                    let underway = SessionState::new(self.shared.workload.session(number));
                    self.calls(Box::new(SessionInFlight { underway, due, call_due: due, thought: Duration::ZERO }))
                }
                (Ready::Call(visit), _) => self.calls(visit),
            };
            if let Err(error) = served {
                self.shared.queue.fail(error);
            }
        }
    }

    /// Makes the calls of a session until the user thinks.
    fn calls(&mut self, mut visit: Box<SessionInFlight>) -> Result<(), RuntimeError> {
        let WorkerContext { queue, clock, recorder, think, .. } = self.shared;
        loop {
            if visit.underway.next_hook().is_none() {
                self.ended(visit.underway.session(), visit.underway.trace(), visit.due + visit.thought, clock.now());
                return Ok(());
            }
            if queue.is_closed() {
                lock(recorder).unfinished(clock.now().saturating_sub(visit.due + visit.thought));
                queue.ended();
                return Ok(());
            }
            let began = clock.now();
            let usage = self.host.step(&mut visit.underway)?;
            let end = clock.now();
            if let Some(call) = visit.underway.trace().calls.last() {
                lock(recorder).call(&CallTimes {
                    hook: call.hook,
                    at: end,
                    latency: end.saturating_sub(visit.call_due),
                    waiting: began.saturating_sub(visit.call_due),
                    plugin: call.elapsed,
                    cpu: usage.unwrap_or_default().cpu,
                    peak_bytes: usage.unwrap_or_default().peak_bytes,
                    is_error: call.ending.is_aborted(),
                });
            }
            visit.call_due = end;
            if !think.is_zero() && visit.underway.next_hook().is_some() {
                visit.call_due += *think;
                visit.thought += *think;
                queue.think(visit);
                return Ok(());
            }
        }
    }

    /// Runs a whole session in the one process of this lane.
    fn session(&mut self, number: u64, due: Duration) -> Result<(), RuntimeError> {
        let WorkerContext { clock, recorder, growth, workload, .. } = self.shared;
        lock(recorder).begun();
        let session = workload.session(number);
        let began = clock.now();
        let (trace, usage, holding) = self.host.session(&session)?;
        let end = clock.now();
        {
            let mut recorder = lock(recorder);
            let (mut call_due, mut free) = (due, began);
            for (at, call) in trace.calls.iter().enumerate() {
                let usage: Option<CallUsage> = usage.get(at).copied();
                // What a worker says of its clock is believed as far as it can be true.
                let call_began = usage.map_or(free, |usage| clock.at(usage.began_ns)).clamp(free, end.max(free));
                let call_end = match at + 1 == trace.calls.len() {
                    true => end,
                    false => (call_began + call.elapsed).min(end),
                };
                recorder.call(&CallTimes {
                    hook: call.hook,
                    at: call_end,
                    latency: call_end.saturating_sub(call_due),
                    waiting: free.saturating_sub(call_due),
                    plugin: call.elapsed,
                    cpu: usage.unwrap_or_default().cpu,
                    peak_bytes: usage.unwrap_or_default().peak_bytes,
                    is_error: call.ending.is_aborted(),
                });
                (call_due, free) = (call_end, call_end);
            }
        }
        self.calls += trace.calls.len() as u64;
        if let Some(holding) = holding.filter(|_| self.is_watched) {
            lock(growth).sample(ResourceSample {
                calls: self.calls,
                memory_bytes: Some(holding.memory_bytes),
                descriptors: Some(holding.descriptors),
                threads: Some(holding.threads),
                files: None,
            });
        }
        self.ended(&session, &trace, due, end);
        Ok(())
    }

    /// A session that was due at `due`, thinking left out, ended at `end`.
    fn ended(&self, session: &Arc<Session>, trace: &Trace, due: Duration, end: Duration) {
        let WorkerContext { queue, recorder, judge, pending, .. } = self.shared;
        lock(recorder).ended(end, end.saturating_sub(due));
        let findings = judge(session, trace);
        lock(pending).add(session, trace, findings);
        queue.ended();
    }
}
