//! [`LoadWorker`]: a thread that takes what is due from the queue, makes the calls, measures them, and judges what they
//! showed.

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
        ready_queue::{Ready, ReadyQueue, SessionInFlight},
        run_clock::RunClock,
    },
    runtime::{Isolation, RuntimeError, SessionState},
    trace::{CallUsage, Trace},
};

/// Judges what a session showed.
pub(super) type Judge<'a> = dyn Fn(&Session, &Trace) -> Vec<Finding> + Sync + 'a;

/// What all workers of a run share.
pub(super) struct WorkerContext<'a> {
    pub(super) queue: ReadyQueue,
    pub(super) clock: RunClock,
    pub(super) workload: &'a dyn Workload,
    pub(super) judge: &'a Judge<'a>,
    pub(super) isolation: Isolation,
    /// The time that a user waits between two calls.
    pub(super) think: Duration,
    pub(super) recorder: Mutex<Recorder>,
    pub(super) pending: &'a Mutex<PendingFindings>,
    pub(super) growth: &'a Mutex<GrowthWatch>,
}

/// Locks also after a panic in another thread, which the thread that joins it reports.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One thread with its executor.
pub(super) struct LoadWorker<'s, 'a> {
    context: &'s WorkerContext<'a>,
    executor: &'s mut dyn LoadExecutor,
    /// Whether the resources of its process are sampled. One worker is enough, and different processes cannot be
    /// compared.
    is_sampled: bool,
    /// Calls of persistent sessions so far.
    calls: u64,
}

impl<'s, 'a> LoadWorker<'s, 'a> {
    pub(super) fn new(context: &'s WorkerContext<'a>, executor: &'s mut dyn LoadExecutor, is_sampled: bool) -> Self {
        Self { context, executor, is_sampled, calls: 0 }
    }

    /// Works until the queue is closed.
    pub(super) fn work(&mut self) {
        while let Some(ready) = self.context.queue.take() {
            let served = match (ready, self.context.isolation) {
                (Ready::Session { number, due }, Isolation::Persistent) => self.run_session(number, due),
                (Ready::Session { number, due }, Isolation::Isolated) => {
                    lock(&self.context.recorder).begun();
                    let state = SessionState::new(self.context.workload.session(number));
                    self.make_calls(Box::new(SessionInFlight { state, due, call_due: due, thought: Duration::ZERO }))
                }
                (Ready::Call(session), _) => self.make_calls(session),
            };
            if let Err(error) = served {
                self.context.queue.fail(error);
            }
        }
    }

    /// Makes the calls of a session until the user thinks.
    fn make_calls(&mut self, mut session: Box<SessionInFlight>) -> Result<(), RuntimeError> {
        let WorkerContext { queue, clock, recorder, think, .. } = self.context;
        loop {
            if session.state.next_hook().is_none() {
                self.ended(session.state.session(), session.state.trace(), session.due + session.thought, clock.now());
                return Ok(());
            }
            if queue.is_closed() {
                lock(recorder).unfinished(clock.now().saturating_sub(session.due + session.thought));
                queue.ended();
                return Ok(());
            }
            let began = clock.now();
            let usage = self.executor.next_call(&mut session.state)?;
            let end = clock.now();
            if let Some(call) = session.state.trace().calls.last() {
                lock(recorder).call(&CallTimes {
                    hook: call.hook,
                    at: end,
                    latency: end.saturating_sub(session.call_due),
                    waiting: began.saturating_sub(session.call_due),
                    plugin: call.elapsed,
                    cpu: usage.unwrap_or_default().cpu,
                    peak_bytes: usage.unwrap_or_default().peak_bytes,
                    is_error: call.ending.is_aborted(),
                });
            }
            session.call_due = end;
            if !think.is_zero() && session.state.next_hook().is_some() {
                session.call_due += *think;
                session.thought += *think;
                queue.think(session);
                return Ok(());
            }
        }
    }

    /// Runs a whole session in the one process of this worker.
    fn run_session(&mut self, number: u64, due: Duration) -> Result<(), RuntimeError> {
        let WorkerContext { clock, recorder, growth, workload, .. } = self.context;
        lock(recorder).begun();
        let session = workload.session(number);
        let began = clock.now();
        let (trace, usage, resources) = self.executor.run_session(&session)?;
        let end = clock.now();
        {
            let mut recorder = lock(recorder);
            let (mut call_due, mut free) = (due, began);
            for (at, call) in trace.calls.iter().enumerate() {
                let usage: Option<CallUsage> = usage.get(at).copied();
                // The process is not trusted: the time that it reports is bounded by what is possible.
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
        if let Some(resources) = resources.filter(|_| self.is_sampled) {
            lock(growth).sample(ResourceSample {
                calls: self.calls,
                memory_bytes: Some(resources.memory_bytes),
                descriptors: Some(resources.descriptors),
                threads: Some(resources.threads),
                files: None,
            });
        }
        self.ended(&session, &trace, due, end);
        Ok(())
    }

    /// A session ended at `end`. It was due at `due`, to which its think time is added.
    fn ended(&self, session: &Arc<Session>, trace: &Trace, due: Duration, end: Duration) {
        let WorkerContext { queue, recorder, judge, pending, .. } = self.context;
        lock(recorder).ended(end, end.saturating_sub(due));
        let findings = judge(session, trace);
        lock(pending).add(session, trace, findings);
        queue.ended();
    }
}
