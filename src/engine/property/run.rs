//! [`property`]: threads run batches in persistent mode and submit what they saw. The thread that submits the next
//! batch in order also processes it: it counts, and for each new finding it runs the session again in fresh processes,
//! writes the case, shrinks it, writes it again and reports it. So a finding is on disk before it is counted, and no
//! finding is reported that does not reproduce.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
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
        Coverage, EngineError, Event, Plan, Setup, Stop, Summary,
        batch::{elapsed, in_slices},
        batch_result::BatchResult,
        exclusive_run::ExclusiveRun,
        ordered_merge::OrderedMerge,
        reproducer::Reproducer,
        threads::{JOBS_LIMIT, in_threads},
        triage::Triage,
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
    let batches = usize::try_from(session_plan.batches()).unwrap_or(JOBS_LIMIT).max(1);
    let jobs = settings.jobs.clamp(1, JOBS_LIMIT).min(batches);
    let run = PropertyRun {
        plan,
        session_plan,
        stop,
        exclusive: ExclusiveRun::default(),
        next_batch: AtomicU64::new(0),
        merge: OrderedMerge::new(BATCHES_AHEAD * jobs as u64),
        triage: Mutex::new(Triage::new(settings.corpus.clone(), stop, listen)),
        lines: Mutex::default(),
        shows_only_timeouts: AtomicBool::new(false),
    };
    for outcome in in_threads(jobs, || run.work())? {
        outcome?;
    }

    let table = run.triage.into_inner().unwrap_or_else(PoisonError::into_inner).table;
    let lines = run.lines.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut summary = Summary {
        sessions: table.sessions,
        calls: table.calls,
        coverage: Coverage::new(plan.loading, lines),
        interrupted: table.sessions < session_plan.sessions() && !table.shows_only_timeouts(),
        ..Summary::default()
    };
    if table.sessions > 0 {
        summary.notes.extend(never_reached(&session_plan.session(0), &table.hooks));
    }
    table.close_into(&mut summary);
    summary.interrupted |= stop.requested();
    summary.elapsed = started.elapsed();
    Ok(summary)
}

/// The note for a run in which the other plugin ended every session before the plugin under test was called. Without
/// it, such a run would look like a success. `nominal` is a nominal session, `called` the hooks that were called.
pub(super) fn never_reached(nominal: &Session, called: &BTreeSet<Hook>) -> Option<String> {
    let at = nominal.calls.iter().position(|call| !call.other)?;
    let first = nominal.calls[at].hook;
    (at > 0 && !called.contains(&first)).then(|| {
        format!(
            "no session reached `{first}`: the plugin named with `--with` ended every session before; use \
             `--with-config` to give it a configuration that lets users in"
        )
    })
}

/// What the threads share.
struct PropertyRun<'a> {
    plan: &'a Plan<'a>,
    session_plan: SessionPlan<'a>,
    stop: &'a Stop,
    exclusive: ExclusiveRun,
    next_batch: AtomicU64,
    merge: OrderedMerge<BatchResult>,
    /// Locked only by the thread that processes a batch.
    triage: Mutex<Triage<'a>>,
    lines: Mutex<HashSet<(usize, u32)>>,
    /// Whether the run ends since every session hangs.
    shows_only_timeouts: AtomicBool,
}

impl PropertyRun<'_> {
    /// The work of one thread.
    fn work(&self) -> Result<(), EngineError> {
        // After an error or a panic, the other threads must not wait for this thread's batch.
        let guard = self.merge.close_on_drop();
        self.run_batches()?;
        guard.disarm();
        Ok(())
    }

    fn run_batches(&self) -> Result<(), EngineError> {
        let mut reproducer = Reproducer::start(self.plan, &Setup::default(), &self.exclusive)?;
        while !self.is_over() {
            let number = self.next_batch.fetch_add(1, Ordering::Relaxed);
            if number >= self.session_plan.batches() || !self.merge.wait_for_room(number) {
                break;
            }
            // A batch that a thread took is submitted even if it is empty, because the later ones wait for it.
            let result = self.run_batch(&mut reproducer, number)?;
            self.merge.submit(number, result, |number, result| {
                let mut triage = self.triage.lock().unwrap_or_else(PoisonError::into_inner);
                let batch = PlannedBatch { session_plan: &self.session_plan, number };
                triage.process_batch(&mut reproducer, &batch, &result)?;
                if triage.table.shows_only_timeouts() {
                    self.shows_only_timeouts.store(true, Ordering::Relaxed);
                }
                triage.emit_progress(self.session_plan.sessions());
                Ok::<(), EngineError>(())
            })?;
        }
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).extend(reproducer.lines_hit());
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.stop.requested() || self.shows_only_timeouts.load(Ordering::Relaxed)
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
            Ok(traces.iter().map(elapsed).sum())
        })?;
        Ok(result)
    }
}
