//! [`FuzzRun`]: what the threads of fuzzing share.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{
    case::Session,
    corpus::{CorpusError, read_case},
    engine::{
        EngineError, Event, Plan, Setup, Stop,
        batch_result::BatchResult,
        fuzz::{
            coverage_map::NewCoverage,
            fuzz_batch::FuzzBatch,
            initial_corpus::is_usable,
            progress::{CoverageEvent, EndReason, FuzzProgress},
            settings::FuzzSettings,
            state::FuzzState,
        },
        parallel_run::ParallelRun,
    },
};

/// The time between two progress events.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// The plan, the state, and what was found.
pub(super) struct FuzzRun<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) settings: &'a FuzzSettings,
    pub(super) stop: &'a Stop,
    pub(super) listen: &'a (dyn Fn(Event) + Sync),
    /// Time since the start.
    pub(super) clock: &'a (dyn Fn() -> Duration + Sync),
    pub(super) threads: ParallelRun<'a, (FuzzBatch, BatchResult)>,
    pub(super) state: Mutex<FuzzState>,
    /// Hashes of the sessions that the corpus had at the start or that came from other hosts.
    pub(super) on_disk: Mutex<HashSet<u64>>,
    /// The first error of writing a seed.
    pub(super) unwritten: OnceLock<Arc<CorpusError>>,
    pub(super) counts: Counts,
}

/// Counts of all threads.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) sessions: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) findings: AtomicUsize,
    /// Testcases that were not in the corpus.
    pub(super) testcases_new: AtomicUsize,
    pub(super) instrumented: AtomicUsize,
    /// Threads whose worker started.
    pub(super) started: AtomicUsize,
    pub(super) last_edge_ms: AtomicU64,
    pub(super) last_news_ms: AtomicU64,
    pub(super) last_progress_ms: AtomicU64,
}

impl FuzzRun<'_> {
    pub(super) fn state(&self) -> MutexGuard<'_, FuzzState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_disk(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.on_disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from((self.clock)().as_millis()).unwrap_or(u64::MAX)
    }

    /// Why fuzzing must end before all sessions ran; `None` if it goes on.
    pub(super) fn end_reason(&self) -> Option<EndReason> {
        if self.stop.requested() {
            return Some(EndReason::Asked);
        }
        if self.threads.shows_only_timeouts() {
            return Some(EndReason::OnlyTimeouts);
        }
        if self.settings.time.is_none() && self.settings.quiet.is_none() {
            return None;
        }
        let now = (self.clock)();
        let last_news = Duration::from_millis(self.counts.last_news_ms.load(Ordering::Relaxed));
        if self.settings.time.is_some_and(|time| now >= time) {
            return Some(EndReason::Time);
        }
        self.settings.quiet.is_some_and(|quiet| now.saturating_sub(last_news) >= quiet).then_some(EndReason::Quiet)
    }

    /// Adds the cases that other hosts found since the last call. Each runs once here.
    pub(super) fn add_cases_of_others(&self) {
        let Some(others) = &self.settings.others else { return };
        let new = others.take_new();
        if new.is_empty() {
            return;
        }
        let subject = (self.plan.subject)(&Setup::default());
        // A case that is gone or unreadable by now is no loss: it would only have helped.
        let cases = new.iter().filter_map(|path| read_case(path).ok());
        let usable = cases.filter(|case| is_usable(self.plan, self.settings, &subject, case));
        let sessions: Vec<Session> = usable.map(|case| case.session).collect();
        self.on_disk().extend(sessions.iter().map(|session| self.plan.content(session).0));
        self.state().add_sessions(sessions);
    }

    /// Writes a testcase as a seed, unless the corpus has it.
    pub(super) fn write_seed(&self, session: &Session, content: u64) -> Result<Option<PathBuf>, EngineError> {
        if self.on_disk().contains(&content) {
            return Ok(None);
        }
        let path = match self.settings.corpus.seeds().write_beside(&self.plan.bare_case(&[], session)) {
            Ok(path) => path,
            Err(error) => {
                let _ = self.unwritten.set(Arc::new(error));
                self.stop.request();
                return Ok(None);
            }
        };
        self.counts.testcases_new.fetch_add(1, Ordering::Relaxed);
        Ok(Some(path))
    }

    /// Emits an event for new coverage.
    pub(super) fn emit_coverage(&self, new: NewCoverage, case_path: Option<PathBuf>) {
        let now = self.now_ms();
        self.counts.last_news_ms.store(now, Ordering::Relaxed);
        if new.buckets > 0 {
            self.counts.last_edge_ms.store(now, Ordering::Relaxed);
        }
        (self.listen)(Event::NewCoverage(CoverageEvent {
            elapsed: Duration::from_millis(now),
            new_edges: new.edges,
            new_counts: new.buckets,
            new_features: new.features,
            edges: self.state().edges(),
            case_path,
        }));
    }

    /// Emits a progress event, unless another thread did so a moment ago.
    pub(super) fn emit_progress(&self, now: Duration) {
        let counts = &self.counts;
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let last = counts.last_progress_ms.load(Ordering::Relaxed);
        let is_due = u128::from(now_ms) >= u128::from(last) + PROGRESS_EVERY.as_millis();
        let take = || counts.last_progress_ms.compare_exchange(last, now_ms, Ordering::Relaxed, Ordering::Relaxed);
        if !is_due || take().is_err() {
            return;
        }
        let lines = self.plan.loading.files.iter().map(|file| file.lines.len()).sum();
        let (edges, features, entries) = {
            let state = self.state();
            (state.edges(), state.features(), state.testcases())
        };
        let last_edge = Duration::from_millis(counts.last_edge_ms.load(Ordering::Relaxed));
        (self.listen)(Event::FuzzProgress(FuzzProgress {
            elapsed: now,
            sessions: counts.sessions.load(Ordering::Relaxed),
            calls: counts.calls.load(Ordering::Relaxed),
            lines_hit: self.threads.count_lines().min(lines),
            lines,
            edges,
            features,
            entries,
            findings: counts.findings.load(Ordering::Relaxed),
            since_edge: now.saturating_sub(last_edge),
        }));
    }
}
