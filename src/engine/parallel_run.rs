//! [`ParallelRun`]: what the threads of [`property()`](super::property()) and [`fuzz()`](super::fuzz()) share. Each
//! thread runs batches and submits the results. The thread that submits the next batch in order also processes it.

use std::{
    collections::HashSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    corpus::Corpus,
    engine::{
        Coverage, EngineError, Event, Plan, Stop, Summary,
        exclusive_run::ExclusiveRun,
        ordered_merge::OrderedMerge,
        threads::{JOBS_LIMIT, in_threads},
        triage::Triage,
    },
};

/// Threads that run batches of `T`.
pub(super) struct ParallelRun<'a, T> {
    pub(super) exclusive: ExclusiveRun,
    jobs: usize,
    merge: OrderedMerge<T>,
    /// Locked only by the thread that processes a batch.
    triage: Mutex<Triage<'a>>,
    lines: Mutex<HashSet<(usize, u32)>>,
    shows_only_timeouts: AtomicBool,
}

impl<'a, T: Send> ParallelRun<'a, T> {
    /// At most `jobs` threads, and no more than `batches` where their number is known. Each may be `ahead` batches
    /// ahead of the one that is processed.
    pub(super) fn new(
        jobs: usize,
        batches: Option<u64>,
        ahead: u64,
        corpus: &Corpus,
        stop: &'a Stop,
        listen: &'a (dyn Fn(Event) + Sync),
    ) -> Self {
        let batches = batches.and_then(|batches| usize::try_from(batches).ok()).unwrap_or(JOBS_LIMIT);
        let jobs = jobs.clamp(1, JOBS_LIMIT).min(batches.max(1));
        Self {
            exclusive: ExclusiveRun::default(),
            jobs,
            merge: OrderedMerge::new(ahead * jobs as u64),
            triage: Mutex::new(Triage::new(corpus.clone(), stop, listen)),
            lines: Mutex::default(),
            shows_only_timeouts: AtomicBool::new(false),
        }
    }

    /// Calls `work` in every thread and waits for all of them.
    ///
    /// # Errors
    /// The first error of `work`, or [`EngineError::Threads`].
    pub(super) fn run(&self, work: impl Fn() -> Result<(), EngineError> + Sync) -> Result<(), EngineError> {
        let outcomes = in_threads(self.jobs, || {
            // After an error or a panic, the other threads must not wait for this thread's batch.
            let guard = self.merge.close_on_drop();
            work()?;
            guard.disarm();
            Ok(())
        })?;
        outcomes.into_iter().collect()
    }

    /// Waits until a thread may work on a batch. False if the run is over.
    pub(super) fn wait_for_room(&self, batch: u64) -> bool {
        self.merge.wait_for_room(batch)
    }

    /// Submits a batch; `process` gets those that are ready, in order. A batch that a thread took must be submitted
    /// even if it is empty, because the later ones wait for it.
    ///
    /// # Errors
    /// Those of `process`; then the run is over.
    pub(super) fn submit(
        &self,
        batch: u64,
        item: T,
        mut process: impl FnMut(&mut Triage<'a>, u64, T) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        self.merge.submit(batch, item, |number, item| {
            let mut triage = self.triage.lock().unwrap_or_else(PoisonError::into_inner);
            process(&mut triage, number, item)?;
            if triage.table.shows_only_timeouts() {
                self.shows_only_timeouts.store(true, Ordering::Relaxed);
            }
            Ok(())
        })
    }

    /// Whether the run ends since every session hangs.
    pub(super) fn shows_only_timeouts(&self) -> bool {
        self.shows_only_timeouts.load(Ordering::Relaxed)
    }

    /// Adds lines that ran.
    pub(super) fn add_lines(&self, lines: Vec<(usize, u32)>) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).extend(lines);
    }

    /// How many lines ran so far.
    pub(super) fn count_lines(&self) -> usize {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What the run did and found. It has no duration, and does not say whether the user stopped the run.
    pub(super) fn into_summary(self, plan: &Plan<'_>) -> Summary {
        let table = self.triage.into_inner().unwrap_or_else(PoisonError::into_inner).table;
        let lines = self.lines.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut summary = Summary {
            sessions: table.sessions,
            calls: table.calls,
            coverage: Coverage::new(plan.loading, lines),
            ..Summary::default()
        };
        table.close_into(&mut summary);
        summary
    }
}
