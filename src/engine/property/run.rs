//! [`property`]: threads run batches in persistent mode and submit what they saw. The thread that submits the next
//! batch in order also processes it: it counts, and for each new finding it runs the session again in fresh processes,
//! writes the case, shrinks it, writes it again and reports it. So a finding is on disk before it is counted, and no
//! finding is reported that does not reproduce.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use super::{
    session_plan::{PlannedBatch, SessionPlan},
    settings::PropertySettings,
};
use crate::{
    case::Session,
    contract::Hook,
    engine::{
        EngineError, Event, Plan, Setup, Stop, Summary,
        batch::{elapsed, in_slices},
        batch_result::BatchResult,
        parallel_run::ParallelRun,
        reproducer::Reproducer,
    },
    runtime::RuntimeError,
};

/// How many batches a thread may be ahead of the one that is processed.
const BATCHES_AHEAD: u64 = 16;

/// Runs generated sessions and reports what they show.
///
/// # Errors
/// [`EngineError`] if the runtime or the disk failed. What was found until then is on disk.
pub fn property(
    plan: &Plan<'_>,
    settings: &PropertySettings,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Summary, EngineError> {
    let started = Instant::now();
    let session_plan = SessionPlan::new(settings.runs, settings.seed, settings.partition, plan.source);
    let batches = Some(session_plan.batches());
    let run = PropertyRun {
        plan,
        session_plan,
        stop,
        next_batch: AtomicU64::new(0),
        threads: ParallelRun::new(settings.jobs, batches, BATCHES_AHEAD, &settings.corpus, stop, listen),
    };
    run.threads.run(|| run.run_batches())?;

    let shows_only_timeouts = run.threads.shows_only_timeouts();
    let mut summary = run.threads.into_summary(plan);
    if summary.sessions > 0 {
        summary.reach.unreached = never_reached(&session_plan.session(0), &summary.hooks);
    }
    if !stop.requested() {
        summary.reach.probe(plan)?;
    }
    summary.interrupted = summary.sessions < session_plan.sessions() && !shows_only_timeouts || stop.requested();
    summary.elapsed = started.elapsed();
    Ok(summary)
}

/// The first hook of the plugin under test if the other plugin ended every session before it. `nominal` is a nominal
/// session, `called` the hooks that were called.
pub(super) fn never_reached(nominal: &Session, called: &BTreeSet<Hook>) -> Option<Hook> {
    let at = nominal.calls.iter().position(|call| !call.other)?;
    let first = nominal.calls[at].hook;
    (at > 0 && !called.contains(&first)).then_some(first)
}

/// What the threads share.
struct PropertyRun<'a> {
    plan: &'a Plan<'a>,
    session_plan: SessionPlan<'a>,
    stop: &'a Stop,
    next_batch: AtomicU64,
    threads: ParallelRun<'a, BatchResult>,
}

impl PropertyRun<'_> {
    /// The work of one thread.
    fn run_batches(&self) -> Result<(), EngineError> {
        let mut reproducer = Reproducer::start(self.plan, &Setup::default(), &self.threads.exclusive)?;
        while !self.is_over() {
            let number = self.next_batch.fetch_add(1, Ordering::Relaxed);
            if number >= self.session_plan.batches() || !self.threads.wait_for_room(number) {
                break;
            }
            let result = self.run_batch(&mut reproducer, number)?;
            self.threads.submit(number, result, |triage, number, result| {
                let batch = PlannedBatch { session_plan: &self.session_plan, number };
                triage.process_batch(&mut reproducer, &batch, &result)?;
                triage.emit_progress(self.session_plan.sessions());
                Ok(())
            })?;
        }
        self.threads.add_lines(reproducer.lines_hit());
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.stop.requested() || self.threads.shows_only_timeouts()
    }

    /// Runs a batch, or the part of it that ran before the run was over.
    fn run_batch(&self, reproducer: &mut Reproducer<'_>, batch: u64) -> Result<BatchResult, RuntimeError> {
        let mut result = BatchResult::default();
        in_slices(self.session_plan.batch(batch), &|| self.is_over(), |numbers| {
            let sessions: Vec<_> = numbers.clone().map(|number| self.session_plan.session(number)).collect();
            let traces = reproducer.explore(&sessions)?;
            for ((number, session), trace) in numbers.zip(&sessions).zip(&traces) {
                let findings = reproducer.judge(session, trace);
                result.add(number, session, findings, trace, self.session_plan.is_nominal(number));
            }
            if !self.stop.requested() {
                reproducer.confirm_hangs(&result, |number| Some(self.session_plan.session(number)))?;
            }
            Ok((traces.len() as u64, traces.iter().map(elapsed).sum()))
        })?;
        Ok(result)
    }
}
