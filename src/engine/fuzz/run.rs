//! [`fuzz`] and the work of its threads.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::engine::{
    Coverage, EngineError, Event, Plan, Setup, Stop, Summary,
    batch::BATCH_SESSIONS,
    exclusive_run::ExclusiveRun,
    fuzz::{
        explore::Explorer,
        fuzz_run::{Counts, FuzzRun},
        initial_corpus::InitialCorpus,
        progress::{EndReason, FuzzStats},
        settings::FuzzSettings,
        state::FuzzState,
    },
    ordered_merge::OrderedMerge,
    reproducer::Reproducer,
    threads::{JOBS_LIMIT, in_threads},
    triage::Triage,
};

/// How many batches a thread may be ahead of the one that is processed. Most batches keep no sessions then.
const BATCHES_AHEAD: u64 = 64;
/// The time between two updates of the lines that ran.
const LINES_EVERY: Duration = Duration::from_secs(2);

const NOTHING_INSTRUMENTED: &str = "none of the plugin's code could be instrumented, so only features guide fuzzing: \
     expect little more than from `hookstorm test`";

/// Runs sessions, learns from them, and reports what they show.
///
/// # Errors
/// [`EngineError`] if the runtime or the disk failed. What was found until then is on disk.
pub fn fuzz(
    plan: &Plan<'_>,
    settings: &FuzzSettings,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Summary, EngineError> {
    let began = Instant::now();
    fuzz_by(plan, settings, stop, listen, &|| began.elapsed())
}

/// The same with another clock, which returns the time since the start.
pub(super) fn fuzz_by(
    plan: &Plan<'_>,
    settings: &FuzzSettings,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
    clock: &(dyn Fn() -> Duration + Sync),
) -> Result<Summary, EngineError> {
    let InitialCorpus { sessions, mut notes } = InitialCorpus::read(plan, settings)?;
    let on_disk = sessions.iter().map(|session| plan.content(session).0).collect();
    let state = FuzzState::new(settings.seed, settings.runs, plan.source.dictionary(), sessions);
    let batches =
        settings.runs.map_or(JOBS_LIMIT, |runs| usize::try_from(runs.div_ceil(BATCH_SESSIONS)).unwrap_or(JOBS_LIMIT));
    let jobs = settings.jobs.clamp(1, JOBS_LIMIT).min(batches.max(1));
    let run = FuzzRun {
        plan,
        settings,
        stop,
        listen,
        clock,
        exclusive: ExclusiveRun::default(),
        state: Mutex::new(state),
        merge: OrderedMerge::new(BATCHES_AHEAD * jobs as u64),
        triage: Mutex::new(Triage::new(settings.corpus.clone(), stop, listen)),
        lines: Mutex::default(),
        on_disk: Mutex::new(on_disk),
        unwritten: OnceLock::new(),
        counts: Counts::default(),
        shows_only_timeouts: AtomicBool::new(false),
    };
    for note in &notes {
        listen(Event::Note(note.clone()));
    }
    for outcome in in_threads(jobs, || run.work())? {
        outcome?;
    }

    let ended = run.end_reason().unwrap_or(EndReason::Runs);
    let FuzzRun { triage, lines, state, counts, unwritten, .. } = run;
    let table = triage.into_inner().unwrap_or_else(PoisonError::into_inner).table;
    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let last_edge = Duration::from_millis(counts.last_edge_ms.into_inner());
    let stats = FuzzStats {
        instrumented: counts.instrumented.into_inner(),
        edges: state.edges(),
        features: state.features(),
        entries: state.testcases(),
        entries_new: counts.testcases_new.into_inner(),
        last_edge: (state.edges() > 0).then_some(last_edge),
        ended,
    };
    notes.extend((stats.instrumented == 0 && table.sessions > 0).then(|| NOTHING_INSTRUMENTED.to_owned()));
    let has_end = settings.runs.is_some() || settings.time.is_some() || settings.quiet.is_some();
    let mut summary = Summary {
        sessions: table.sessions,
        calls: table.calls,
        coverage: Coverage::new(plan.loading, lines.into_inner().unwrap_or_else(PoisonError::into_inner)),
        // Without an end, the user's Ctrl-C is the planned end.
        interrupted: ended == EndReason::Asked && has_end,
        notes,
        unwritten: unwritten.into_inner(),
        fuzz: Some(stats),
        ..Summary::default()
    };
    table.close_into(&mut summary);
    summary.elapsed = clock();
    Ok(summary)
}

impl FuzzRun<'_> {
    /// The work of one thread.
    fn work(&self) -> Result<(), EngineError> {
        // After an error or a panic, the other threads must not wait for this thread's batch.
        let guard = self.merge.close_on_drop();
        self.run_batches()?;
        guard.disarm();
        Ok(())
    }

    fn run_batches(&self) -> Result<(), EngineError> {
        // Only candidate findings need the second worker.
        let mut reproducer = Reproducer::idle(self.plan, &Setup::default(), &self.exclusive);
        let mut explorer = Explorer::start(self)?;
        self.counts.instrumented.fetch_max(explorer.instrumented(), Ordering::Relaxed);
        if self.counts.started.fetch_add(1, Ordering::Relaxed) == 0 && explorer.instrumented() == 0 {
            (self.listen)(Event::Note(NOTHING_INSTRUMENTED.to_owned()));
        }
        let mut lines_updated: Option<Duration> = None;
        while self.end_reason().is_none() {
            self.add_cases_of_others();
            let Some(item) = self.state().next_item() else { break };
            let number = item.batch;
            if !self.merge.wait_for_room(number) {
                break;
            }
            // A batch that a thread took is submitted even if it is empty, because the later ones wait for it.
            let (batch, result) = explorer.run(&mut reproducer, item)?;
            self.counts.sessions.fetch_add(result.sessions, Ordering::Relaxed);
            self.counts.calls.fetch_add(result.calls, Ordering::Relaxed);
            self.merge.submit(number, (batch, result), |_, (batch, result)| {
                let mut triage = self.triage.lock().unwrap_or_else(PoisonError::into_inner);
                triage.process_batch(&mut reproducer, &batch, &result)?;
                if triage.table.shows_only_timeouts() {
                    self.shows_only_timeouts.store(true, Ordering::Relaxed);
                }
                let confirmed = triage.table.confirmed;
                if self.counts.findings.swap(confirmed, Ordering::Relaxed) < confirmed {
                    self.counts.last_news_ms.store(self.now_ms(), Ordering::Relaxed);
                }
                Ok::<(), EngineError>(())
            })?;
            let now = (self.clock)();
            if lines_updated.is_none_or(|updated| now >= updated + LINES_EVERY) {
                lines_updated = Some(now);
                self.update_lines(&explorer);
            }
            self.emit_progress(now);
        }
        self.update_lines(&explorer);
        Ok(())
    }

    fn update_lines(&self, explorer: &Explorer<'_, '_>) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).extend(explorer.lines_hit());
    }
}
