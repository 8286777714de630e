//! Sessions that learn: [`fuzz`] keeps what brings new coverage, changes it, and follows what the plugin compares.
//!
//! One process, a thread for each worker. Each thread explores with a worker whose plugin is instrumented (`explore`);
//! what is known and what comes next is shared (`steering`): which edges ran (`map`), which outcomes were seen
//! (`feature`), the sessions that brought something new and how they are drawn (`schedule`), and what their comparisons
//! suggest (`leads`). Findings are the clerk's affair, as in [`crate::engine::property()`]: seen again in a fresh process
//! of a plugin that is not instrumented, on disk, shrunk, and only then told.
//!
//! With one thread and a number of runs, the same seed gives the same sessions, entries and findings. Memory is bounded
//! in each part.

mod explore;
mod feature;
mod leads;
mod map;
mod progress;
mod schedule;
mod settings;
mod steering;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

pub(super) use self::feature::{Feature, features, is_broken};
use self::{
    explore::{Batch, Explorer},
    steering::{Brought, Steering},
};
pub use self::{
    progress::{Covered, Ended, Fuzzed, Pulse},
    settings::FuzzSettings,
};
use crate::{
    case::{Case, Session},
    corpus::{CorpusError, read_case, size},
    engine::{
        Coverage, EngineError, Event, Plan, Setup, Stop, Summary,
        batch::Sightings,
        bench::{Bench, Quiet},
        clerk::Clerk,
        course::BATCH,
        in_order::InOrder,
        property::{JOBS_LIMIT, threads},
    },
    oracle::PluginUnderTest,
};

/// How many batches the threads may be ahead of the merging, for each thread. Most hold no sessions by then.
const AHEAD: u64 = 64;
/// How often is told how far it is.
const PULSE: Duration = Duration::from_millis(100);
/// How often a thread tells which lines ran.
const LINES: Duration = Duration::from_secs(2);

/// Runs sessions, learns from them, and reports what they show.
///
/// # Errors
/// [`EngineError`] where the runtime or the disk failed. What was found by then is on disk.
pub fn fuzz(
    plan: &Plan<'_>,
    settings: &FuzzSettings,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Summary, EngineError> {
    let began = Instant::now();
    fuzz_by(plan, settings, stop, listen, &|| began.elapsed())
}

/// The same by another clock, which tells how long ago it began.
fn fuzz_by(
    plan: &Plan<'_>,
    settings: &FuzzSettings,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
    clock: &(dyn Fn() -> Duration + Sync),
) -> Result<Summary, EngineError> {
    let begun = read(plan, settings)?;
    let on_disk = begun.sessions.iter().map(|session| explore::content(plan, session).0).collect();
    let steering = Steering::new(settings.seed, settings.runs, plan.source.dictionary(), begun.sessions);
    let batches = settings.runs.map_or(JOBS_LIMIT, |runs| usize::try_from(runs.div_ceil(BATCH)).unwrap_or(JOBS_LIMIT));
    let jobs = settings.jobs.clamp(1, JOBS_LIMIT).min(batches.max(1));
    let pool = threads(jobs)?;
    let shared = Shared {
        plan,
        settings,
        stop,
        listen,
        clock,
        quiet: Quiet::default(),
        steering: Mutex::new(steering),
        order: InOrder::new(AHEAD * jobs as u64),
        clerk: Mutex::new(Clerk::new(settings.corpus.clone(), stop, listen)),
        lines: Mutex::default(),
        on_disk: Mutex::new(on_disk),
        unwritten: OnceLock::new(),
        counts: Counts::default(),
    };
    for note in &begun.notes {
        listen(Event::Note(note.clone()));
    }
    for outcome in pool.broadcast(|_| shared.work()) {
        outcome?;
    }

    let ended = shared.over().unwrap_or(Ended::Runs);
    let Shared { clerk, lines, steering, counts, unwritten, .. } = shared;
    let ledger = clerk.into_inner().unwrap_or_else(PoisonError::into_inner).ledger;
    let steering = steering.into_inner().unwrap_or_else(PoisonError::into_inner);
    let has_end = settings.runs.is_some() || settings.time.is_some() || settings.quiet.is_some();
    let mut summary = Summary {
        sessions: ledger.sessions,
        calls: ledger.calls,
        coverage: Coverage::new(plan.loading, lines.into_inner().unwrap_or_else(PoisonError::into_inner)),
        // Who gave no end ends it by asking, as planned.
        interrupted: ended == Ended::Asked && has_end,
        notes: begun.notes,
        unwritten: unwritten.into_inner(),
        ..Summary::default()
    };
    let last_edge = counts.last_edge_ms.into_inner();
    let fuzzed = Fuzzed {
        instrumented: counts.instrumented.into_inner(),
        edges: steering.edges(),
        features: steering.features(),
        entries: steering.entries(),
        entries_new: counts.entries_new.into_inner(),
        last_edge: (steering.edges() > 0).then(|| Duration::from_millis(last_edge)),
        ended,
    };
    summary.notes.extend((fuzzed.instrumented == 0 && ledger.sessions > 0).then(|| NOTHING_INSTRUMENTED.to_owned()));
    summary.fuzz = Some(fuzzed);
    ledger.close_into(&mut summary);
    summary.elapsed = clock();
    Ok(summary)
}

const NOTHING_INSTRUMENTED: &str = "nothing of the plugin's code could be instrumented, so that only outcomes steered what \
     was tried: expect little more than of `hookstorm test`";

/// What a campaign begins with.
struct Begun {
    sessions: Vec<Session>,
    notes: Vec<String>,
}

/// Reads the corpus: what was learned, and the cases of findings. Smaller ones come first, so that they become the
/// entries. What cannot be used is left out and told.
fn read(plan: &Plan<'_>, settings: &FuzzSettings) -> Result<Begun, EngineError> {
    let mut cases: Vec<Case> = Vec::new();
    let (mut broken, mut first_broken, mut others) = (0, None, 0);
    let subject = (plan.subject)(&Setup::default());
    for corpus in [settings.corpus.seeds(), settings.corpus.clone()] {
        let entries = match corpus.read_all() {
            Err(CorpusError::Missing(_)) => continue,
            entries => entries?,
        };
        for (path, case) in entries {
            match case {
                Ok(case) => {
                    if is_for_this(plan, settings, &subject, &case) {
                        cases.push(case);
                    } else {
                        others += 1;
                    }
                }
                Err(error) => {
                    broken += 1;
                    first_broken.get_or_insert_with(|| format!("`{}`: {error}", path.display()));
                }
            }
        }
    }
    cases.sort_by_cached_key(|case| (size(case), case.to_json()));
    let mut notes = Vec::new();
    if let Some(first) = first_broken {
        notes.push(format!("left out of the corpus, since they cannot be read: {broken}, the first is {first}"));
    }
    if others > 0 {
        notes.push(format!(
            "left out of the corpus, since they are for another platform, type or configuration: {others}"
        ));
    }
    let mut sessions: Vec<Session> = cases.into_iter().map(|case| case.session).collect();
    sessions.dedup();
    Ok(Begun { sessions, notes })
}

/// Whether the case is one of this plugin, platform and configuration.
fn is_for_this(plan: &Plan<'_>, settings: &FuzzSettings, subject: &PluginUnderTest, case: &Case) -> bool {
    case.plugin_type == subject.plugin_type
        && case.platform == subject.platform
        && case.configuration.is_none()
        && (settings.options || case.session.options.is_empty())
        && !plan.lacks_other(case)
        && !case.session.calls.iter().any(|call| call.other)
}

/// Numbers that threads count up.
#[derive(Default)]
struct Counts {
    sessions: AtomicU64,
    calls: AtomicU64,
    findings: AtomicUsize,
    entries_new: AtomicUsize,
    instrumented: AtomicUsize,
    /// Threads that started their worker.
    started: AtomicUsize,
    last_edge_ms: AtomicU64,
    last_news_ms: AtomicU64,
    last_pulse_ms: AtomicU64,
}

/// What the threads share.
struct Shared<'a> {
    plan: &'a Plan<'a>,
    settings: &'a FuzzSettings,
    stop: &'a Stop,
    listen: &'a (dyn Fn(Event) + Sync),
    clock: &'a (dyn Fn() -> Duration + Sync),
    quiet: Quiet,
    steering: Mutex<Steering>,
    order: InOrder<(Batch, Sightings)>,
    /// Locked only by the thread that merges.
    clerk: Mutex<Clerk<'a>>,
    lines: Mutex<HashSet<(usize, u32)>>,
    /// What the corpus held at the beginning and what came from other hosts, by its content.
    on_disk: Mutex<HashSet<u64>>,
    /// Why something that was learned could not be written, the first time.
    unwritten: OnceLock<String>,
    counts: Counts,
}

impl Shared<'_> {
    fn steering(&self) -> MutexGuard<'_, Steering> {
        self.steering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_disk(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.on_disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what other hosts found since the last time run here too, once each: what is new here becomes an entry.
    fn take_in(&self) {
        let Some(others) = &self.settings.others else { return };
        let new = others.take_new();
        if new.is_empty() {
            return;
        }
        let subject = (self.plan.subject)(&Setup::default());
        // One that is gone or broken by now is no loss: it was only a hint.
        let cases = new.iter().filter_map(|path| read_case(path).ok());
        let ours = cases.filter(|case| is_for_this(self.plan, self.settings, &subject, case));
        let sessions: Vec<Session> = ours.map(|case| case.session).collect();
        self.on_disk().extend(sessions.iter().map(|session| explore::content(self.plan, session).0));
        self.steering().take_in(sessions);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from((self.clock)().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether it must end before all sessions ran, and why.
    fn over(&self) -> Option<Ended> {
        if self.stop.requested() {
            return Some(Ended::Asked);
        }
        if self.settings.time.is_none() && self.settings.quiet.is_none() {
            return None;
        }
        let now = (self.clock)();
        let last_news = Duration::from_millis(self.counts.last_news_ms.load(Ordering::Relaxed));
        if self.settings.time.is_some_and(|time| now >= time) {
            return Some(Ended::Time);
        }
        self.settings.quiet.is_some_and(|quiet| now.saturating_sub(last_news) >= quiet).then_some(Ended::Quiet)
    }

    /// What each thread does.
    fn work(&self) -> Result<(), EngineError> {
        // Unless it goes well: nobody else would ever move on, after a panic of ours neither.
        let closing = self.order.closing();
        self.rounds()?;
        closing.done();
        Ok(())
    }

    fn rounds(&self) -> Result<(), EngineError> {
        // Only what looks like a finding needs the second worker.
        let mut bench = Bench::idle(self.plan, &Setup::default(), &self.quiet);
        let mut explorer = Explorer::start(self)?;
        self.counts.instrumented.fetch_max(explorer.instrumented(), Ordering::Relaxed);
        if self.counts.started.fetch_add(1, Ordering::Relaxed) == 0 && explorer.instrumented() == 0 {
            (self.listen)(Event::Note(NOTHING_INSTRUMENTED.to_owned()));
        }
        let mut lines_told: Option<Duration> = None;
        while self.over().is_none() {
            self.take_in();
            let Some(order) = self.steering().order() else { break };
            let number = order.batch;
            if !self.order.wait_for_room(number) {
                break;
            }
            // A batch that was taken is handed in, though it be empty: those after it wait for it.
            let (batch, sightings) = explorer.run(&bench, order)?;
            self.counts.sessions.fetch_add(sightings.sessions, Ordering::Relaxed);
            self.counts.calls.fetch_add(sightings.calls, Ordering::Relaxed);
            self.order.hand_in(number, (batch, sightings), |_, (batch, sightings)| {
                let mut clerk = self.clerk.lock().unwrap_or_else(PoisonError::into_inner);
                clerk.merge(&mut bench, &batch, &sightings)?;
                if self.counts.findings.swap(clerk.ledger.confirmed, Ordering::Relaxed) < clerk.ledger.confirmed {
                    self.counts.last_news_ms.store(self.now_ms(), Ordering::Relaxed);
                }
                Ok::<(), EngineError>(())
            })?;
            let now = (self.clock)();
            if lines_told.is_none_or(|told| now >= told + LINES) {
                lines_told = Some(now);
                self.tell_lines(&explorer);
            }
            self.pulse(now);
        }
        self.tell_lines(&explorer);
        Ok(())
    }

    fn tell_lines(&self, explorer: &Explorer<'_, '_>) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).extend(explorer.lines_hit());
    }

    /// Writes what became an entry, unless the corpus has it.
    fn keep(&self, session: &Session, content: u64) -> Result<Option<PathBuf>, EngineError> {
        if self.on_disk().contains(&content) {
            return Ok(None);
        }
        let path = match self.settings.corpus.seeds().write_beside(&self.plan.bare_case(&[], session)) {
            Ok(path) => path,
            Err(error) => {
                let _ = self.unwritten.set(error.to_string());
                self.stop.request();
                return Ok(None);
            }
        };
        self.counts.entries_new.fetch_add(1, Ordering::Relaxed);
        Ok(Some(path))
    }

    /// Tells that something ran for the first time.
    fn news(&self, brought: Brought, case_path: Option<PathBuf>) {
        let now = self.now_ms();
        self.counts.last_news_ms.store(now, Ordering::Relaxed);
        if brought.coverage.buckets > 0 {
            self.counts.last_edge_ms.store(now, Ordering::Relaxed);
        }
        (self.listen)(Event::Covered(Covered {
            elapsed: Duration::from_millis(now),
            new_edges: brought.coverage.edges,
            new_counts: brought.coverage.buckets,
            new_features: brought.features,
            edges: self.steering().edges(),
            case_path,
        }));
    }

    /// Tells how far it is, not too often.
    fn pulse(&self, now: Duration) {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let last = self.counts.last_pulse_ms.load(Ordering::Relaxed);
        let is_due = u128::from(now_ms) >= u128::from(last) + PULSE.as_millis();
        let take = || self.counts.last_pulse_ms.compare_exchange(last, now_ms, Ordering::Relaxed, Ordering::Relaxed);
        if !is_due || take().is_err() {
            return;
        }
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let lines = self.plan.loading.files.iter().map(|file| file.lines.len()).sum();
        let (edges, features, entries) = {
            let steering = self.steering();
            (steering.edges(), steering.features(), steering.entries())
        };
        (self.listen)(Event::Pulse(Pulse {
            elapsed: now,
            sessions: count(&self.counts.sessions),
            calls: count(&self.counts.calls),
            lines_hit: self.lines.lock().unwrap_or_else(PoisonError::into_inner).len().min(lines),
            lines,
            edges,
            features,
            entries,
            findings: self.counts.findings.load(Ordering::Relaxed),
            since_edge: now.saturating_sub(Duration::from_millis(count(&self.counts.last_edge_ms))),
        }));
    }
}

/// Numbers that look like chance and depend on nothing but `seed` and `number`: SplitMix64.
fn mix(seed: u64, number: u64) -> u64 {
    let mut mixed = seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
