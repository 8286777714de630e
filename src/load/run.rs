//! [`load`]: a load test from start to end. It starts the executors, keeps the schedule or searches for the capacity,
//! judges what was measured by the objectives, and reproduces pending findings in fresh processes.

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    case::Session,
    corpus::Corpus,
    engine::{EngineError, PendingFindings, Plan, Setup, Stop, Summary, reproduce},
    finding::Finding,
    load::{
        Growth, GrowthWatch, LoadEvent, LoadExecutor, LoadSettings, Measured, Rate, RateProfile, Workload,
        capacity::{self, Tried},
        pacer::{PacedRun, Pacer},
    },
    runtime::{Isolation, RuntimeError, SessionState},
    trace::Trace,
};

/// How long, and for how many sessions, the search for the capacity measures its first rate.
const PROBE: Duration = Duration::from_secs(2);
const PROBE_SESSIONS: u64 = 50;

/// What a load test needs beside its settings.
pub struct LoadRun<'a> {
    /// The judge, and the levels of rules.
    pub plan: &'a Plan<'a>,
    /// Starts an executor; called once for each call that may run at once.
    pub start: &'a (dyn Fn() -> Result<Box<dyn LoadExecutor>, RuntimeError> + Sync),
    /// The sessions.
    pub workload: &'a dyn Workload,
    /// The folder with the plugin's state folders.
    pub state: &'a Path,
    /// Where the cases of findings are written.
    pub corpus: &'a Corpus,
    /// Stops the run.
    pub stop: &'a Stop,
    /// Receives the events.
    pub listen: &'a (dyn Fn(LoadEvent) + Sync),
}

/// The result of a load test.
#[derive(Debug)]
pub struct LoadSummary {
    /// What was measured.
    pub measured: Measured,
    /// The findings, and notes for the user.
    pub summary: Summary,
}

/// Runs sessions at the rates of `settings` or, if `is_search`, searches for the highest rate that meets the
/// objectives.
///
/// # Errors
/// [`EngineError`] if the runtime or the disk failed.
pub fn load(load: &LoadRun<'_>, settings: &LoadSettings, is_search: bool) -> Result<LoadSummary, EngineError> {
    let began = Instant::now();
    let mut executors = start(load, settings.in_flight)?;
    let subject = (load.plan.subject)(&Setup::default());
    let judge = |session: &Session, trace: &Trace| -> Vec<Finding> {
        let judged = load.plan.judge.judge(&subject, session, trace);
        judged.into_iter().filter_map(|finding| load.plan.levels.apply(finding)).collect()
    };
    let pending = Mutex::new(PendingFindings::new(load.workload.are_nominal()));
    let (growth, files) = (Mutex::new(GrowthWatch::default()), Mutex::new(GrowthWatch::default()));
    let progress = |progress| (load.listen)(LoadEvent::Progress(progress));
    let pacer = Pacer {
        settings,
        workload: load.workload,
        judge: &judge,
        pending: &pending,
        growth: &growth,
        files: &files,
        state: load.state,
        stop: load.stop,
        listen: &progress,
    };
    let ran = match is_search {
        true => search(load, &pacer, &mut executors)?,
        false => pacer.run(&mut executors, settings.profile, settings.duration, 0)?,
    };
    // These workers end before others start to reproduce findings.
    drop(executors);
    let PacedRun { mut measured, is_interrupted, is_overrun } = ran;
    measured.growth = [growth_of(&growth), growth_of(&files)].concat();
    measured.objectives = settings.objectives.iter().map(|objective| objective.judge(&measured)).collect();
    let pending = pending.into_inner().unwrap_or_else(PoisonError::into_inner);
    let listen = |event| (load.listen)(LoadEvent::Engine(event));
    let mut summary = reproduce(load.plan, pending, load.corpus, load.stop, &listen)?;
    summary.interrupted |= is_interrupted;
    summary.elapsed = began.elapsed();
    if is_overrun {
        summary.notes.push(
            "too many sessions waited, so the run ended early: the rate is far above what the plugin carries".into(),
        );
    }
    if summary.unconfirmed > 0 && measured.errors > 0 {
        let note = "some calls failed under load but not alone; they count as errors, not as findings";
        summary.notes.push(note.into());
    }
    Ok(LoadSummary { measured, summary })
}

/// Starts executors, several at once.
fn start(load: &LoadRun<'_>, count: usize) -> Result<Vec<Box<dyn LoadExecutor>>, EngineError> {
    let (next, started) = (AtomicUsize::new(0), Mutex::new((Vec::with_capacity(count), None)));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(count);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < count && !load.stop.requested() {
                    let executor = (load.start)();
                    let mut started = started.lock().unwrap_or_else(PoisonError::into_inner);
                    match executor {
                        Ok(executor) => started.0.push(executor),
                        Err(error) => {
                            started.1.get_or_insert(error);
                            return;
                        }
                    }
                    (load.listen)(LoadEvent::Starting(started.0.len(), count));
                }
            });
        }
    });
    let (executors, error) = started.into_inner().unwrap_or_else(PoisonError::into_inner);
    match error {
        Some(error) => Err(error.into()),
        None => Ok(executors),
    }
}

/// Searches for the highest rate that meets the objectives.
fn search(
    load: &LoadRun<'_>,
    pacer: &Pacer<'_>,
    executors: &mut [Box<dyn LoadExecutor>],
) -> Result<PacedRun, EngineError> {
    let settings = pacer.settings;
    let Some((first, mut number)) = probe(pacer, executors)? else {
        return Ok(PacedRun { measured: Measured::default(), is_interrupted: true, is_overrun: false });
    };
    let mut is_interrupted = false;
    let found = capacity::search(first, |rate| {
        (load.listen)(LoadEvent::Trying(rate));
        let ran = pacer.run(executors, RateProfile::constant(rate), settings.duration, number)?;
        let measured = ran.measured;
        number += measured.sessions + measured.unfinished;
        is_interrupted |= ran.is_interrupted;
        if is_interrupted {
            return Ok(None);
        }
        let cannot_keep_up = measured.saturated || ran.is_overrun || measured.unfinished > 0;
        // An objective on the rate is judged at the end: the search is for the rate.
        let judged = settings.objectives.iter().filter(|one| one.rate().is_none()).map(|one| one.judge(&measured));
        let missed = judged.into_iter().find(|one| !one.met);
        let missed = match missed {
            Some(one) => Some(format!("{} was missed with {}", one.objective, one.measured)),
            None => cannot_keep_up.then(|| "sessions came faster than they were served".to_owned()),
        };
        Ok::<_, RuntimeError>(Some(Tried { measured, missed }))
    })?;
    let measured = Measured { capacity: Some(found.capacity), ..found.best.unwrap_or_default() };
    Ok(PacedRun { measured, is_interrupted, is_overrun: false })
}

/// The first rate of the search: as many sessions as one executor runs one after another. Also returns the number of
/// the next session. `None` if the user stopped the run.
fn probe(pacer: &Pacer<'_>, executors: &mut [Box<dyn LoadExecutor>]) -> Result<Option<(Rate, u64)>, RuntimeError> {
    let Some(executor) = executors.first_mut() else { return Ok(None) };
    let began = Instant::now();
    let mut sessions = 0;
    while sessions < PROBE_SESSIONS && began.elapsed() < PROBE {
        if pacer.stop.requested() {
            return Ok(None);
        }
        let session = pacer.workload.session(sessions);
        match pacer.settings.isolation {
            Isolation::Persistent => drop(executor.run_session(&session)?),
            Isolation::Isolated => {
                let mut state = SessionState::new(session);
                while state.next_hook().is_some() && !pacer.stop.requested() {
                    executor.next_call(&mut state)?;
                }
            }
        }
        sessions += 1;
    }
    let rate = Rate::per_second(sessions as f64 / began.elapsed().as_secs_f64().max(1e-6));
    Ok(rate.map(|rate| (rate, sessions)))
}

fn growth_of(growth: &Mutex<GrowthWatch>) -> Vec<Growth> {
    growth.lock().unwrap_or_else(PoisonError::into_inner).growth()
}
