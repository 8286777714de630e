//! [`fuzz`] and the work of its threads.

use std::{
    sync::{Mutex, OnceLock, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use crate::engine::{
    EngineError, Event, Plan, Setup, Stop, Summary,
    batch::BATCH_SESSIONS,
    fuzz::{
        explore::Explorer,
        fuzz_run::{Counts, FuzzRun},
        initial_corpus::InitialCorpus,
        progress::{EndReason, FuzzStats},
        settings::FuzzSettings,
        state::FuzzState,
    },
    parallel_run::ParallelRun,
    reproducer::Reproducer,
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
    let batches = settings.runs.map(|runs| runs.div_ceil(BATCH_SESSIONS));
    let run = FuzzRun {
        plan,
        settings,
        stop,
        listen,
        clock,
        threads: ParallelRun::new(settings.jobs, batches, BATCHES_AHEAD, &settings.corpus, stop, listen),
        state: Mutex::new(state),
        on_disk: Mutex::new(on_disk),
        unwritten: OnceLock::new(),
        counts: Counts::default(),
    };
    for note in &notes {
        listen(Event::Note(note.clone()));
    }
    run.threads.run(|| run.run_batches())?;

    let ended = run.end_reason().unwrap_or(EndReason::Runs);
    let FuzzRun { threads, state, counts, unwritten, .. } = run;
    let mut summary = threads.into_summary(plan);
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
    notes.extend((stats.instrumented == 0 && summary.sessions > 0).then(|| NOTHING_INSTRUMENTED.to_owned()));
    summary.notes.extend(notes);
    let has_end = settings.runs.is_some() || settings.time.is_some() || settings.quiet.is_some();
    // Without an end, the user's Ctrl-C is the planned end.
    summary.interrupted = ended == EndReason::Asked && has_end;
    if !stop.requested() {
        summary.reach.probe(plan)?;
    }
    summary.unwritten = summary.unwritten.or_else(|| unwritten.into_inner());
    summary.fuzz = Some(stats);
    summary.elapsed = clock();
    Ok(summary)
}

impl FuzzRun<'_> {
    /// The work of one thread.
    fn run_batches(&self) -> Result<(), EngineError> {
        // Only candidate findings need the second worker.
        let mut reproducer = Reproducer::idle(self.plan, &Setup::default(), &self.threads.exclusive);
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
            if !self.threads.wait_for_room(number) {
                break;
            }
            let (batch, result) = explorer.run(&mut reproducer, item)?;
            self.counts.sessions.fetch_add(result.sessions, Ordering::Relaxed);
            self.counts.calls.fetch_add(result.calls, Ordering::Relaxed);
            self.threads.submit(number, (batch, result), |triage, _, (batch, result)| {
                triage.process_batch(&mut reproducer, &batch, &result)?;
                let confirmed = triage.table.confirmed;
                if self.counts.findings.swap(confirmed, Ordering::Relaxed) < confirmed {
                    self.counts.last_news_ms.store(self.now_ms(), Ordering::Relaxed);
                }
                Ok(())
            })?;
            let now = (self.clock)();
            if lines_updated.is_none_or(|updated| now >= updated + LINES_EVERY) {
                lines_updated = Some(now);
                self.threads.add_lines(explorer.lines_hit());
            }
            self.emit_progress(now);
        }
        self.threads.add_lines(explorer.lines_hit());
        Ok(())
    }
}
