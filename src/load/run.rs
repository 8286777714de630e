//! A load run from its beginning to its end: [`load`] starts the hosts, keeps the schedule or looks for the capacity,
//! judges what was measured against the objectives, and has what the oracles pending seen again in fresh processes.

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
        Growth, GrowthWatch, LoadEvent, LoadExecutor, LoadSettings, Measured, Profile, Rate, Workload,
        capacity::{self, Tried},
        pacer::{PacedRun, Pacer},
    },
    runtime::{Isolation, RuntimeError, SessionState},
    trace::Trace,
};

/// How long, and with how many sessions, the search for the capacity gets an idea where to begin.
const PROBE: Duration = Duration::from_secs(2);
const PROBE_SESSIONS: u64 = 50;

/// What a load run needs beside its settings.
pub struct LoadRun<'a> {
    /// Who judges, and what the user wants of the rules.
    pub plan: &'a Plan<'a>,
    /// Starts one that makes calls; called once for each call that may run at once.
    pub start: &'a (dyn Fn() -> Result<Box<dyn LoadExecutor>, RuntimeError> + Sync),
    /// Where sessions come from.
    pub workload: &'a dyn Workload,
    /// The folder in which hosts keep the plugin's state folders.
    pub state: &'a Path,
    /// Where the cases of findings are kept.
    pub corpus: &'a Corpus,
    /// Asks it to end.
    pub stop: &'a Stop,
    /// Hears what happens.
    pub listen: &'a (dyn Fn(LoadEvent) + Sync),
}

/// What a load run gave.
#[derive(Debug)]
pub struct LoadSummary {
    /// What was measured.
    pub measured: Measured,
    /// What was found on the way, and what the user should know.
    pub summary: Summary,
}

/// Runs sessions at the rates that `settings` name or, where `is_search`, looks for the highest rate that meets the
/// objectives.
///
/// # Errors
/// [`EngineError`] where the runtime or the disk failed.
pub fn load(load: &LoadRun<'_>, settings: &LoadSettings, is_search: bool) -> Result<LoadSummary, EngineError> {
    let began = Instant::now();
    let mut hosts = start(load, settings.in_flight)?;
    let subject = (load.plan.subject)(&Setup::default());
    let judge = |session: &Session, trace: &Trace| -> Vec<Finding> {
        let judged = load.plan.judge.judge(&subject, session, trace);
        judged.into_iter().filter_map(|finding| load.plan.levels.apply(finding)).collect()
    };
    let pending = Mutex::new(PendingFindings::new(load.workload.are_nominal()));
    let (growth, files) = (Mutex::new(GrowthWatch::default()), Mutex::new(GrowthWatch::default()));
    let pulse = |pulse| (load.listen)(LoadEvent::Progress(pulse));
    let engine = Pacer {
        settings,
        workload: load.workload,
        judge: &judge,
        pending: &pending,
        growth: &growth,
        files: &files,
        state: load.state,
        stop: load.stop,
        listen: &pulse,
    };
    let ran = match is_search {
        true => search(load, &engine, &mut hosts)?,
        false => engine.run(&mut hosts, settings.profile, settings.duration, 0)?,
    };
    // Workers go before others come to look again.
    drop(hosts);
    let PacedRun { mut measured, is_interrupted, is_overrun } = ran;
    measured.growth = [grown(&growth), grown(&files)].concat();
    measured.objectives = settings.objectives.iter().map(|objective| objective.judge(&measured)).collect();
    let pending = pending.into_inner().unwrap_or_else(PoisonError::into_inner);
    let listen = |event| (load.listen)(LoadEvent::Engine(event));
    let mut summary = reproduce(load.plan, pending, load.corpus, load.stop, &listen)?;
    summary.interrupted |= is_interrupted;
    summary.elapsed = began.elapsed();
    if is_overrun {
        summary
            .notes
            .push("so many sessions waited that no more were let in: the rate is far above what is carried".into());
    }
    if summary.unconfirmed > 0 && measured.errors > 0 {
        let note = "some calls failed under load that did not fail alone; they count as errors, and are no findings";
        summary.notes.push(note.into());
    }
    Ok(LoadSummary { measured, summary })
}

/// Starts hosts, several at once.
fn start(load: &LoadRun<'_>, count: usize) -> Result<Vec<Box<dyn LoadExecutor>>, EngineError> {
    let (next, started) = (AtomicUsize::new(0), Mutex::new((Vec::with_capacity(count), None)));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(count);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < count && !load.stop.requested() {
                    let host = (load.start)();
                    let mut started = started.lock().unwrap_or_else(PoisonError::into_inner);
                    match host {
                        Ok(host) => started.0.push(host),
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
    let (hosts, error) = started.into_inner().unwrap_or_else(PoisonError::into_inner);
    match error {
        Some(error) => Err(error.into()),
        None => Ok(hosts),
    }
}

/// Looks for the highest rate that meets the objectives.
fn search(
    load: &LoadRun<'_>,
    engine: &Pacer<'_>,
    hosts: &mut [Box<dyn LoadExecutor>],
) -> Result<PacedRun, EngineError> {
    let settings = engine.settings;
    let Some((first, mut number)) = probe(engine, hosts)? else {
        return Ok(PacedRun { measured: Measured::default(), is_interrupted: true, is_overrun: false });
    };
    let mut is_interrupted = false;
    let found = capacity::search(first, |rate| {
        (load.listen)(LoadEvent::Trying(rate));
        let ran = engine.run(hosts, Profile::constant(rate), settings.duration, number)?;
        let measured = ran.measured;
        number += measured.sessions + measured.unfinished;
        is_interrupted |= ran.is_interrupted;
        if is_interrupted {
            return Ok(None);
        }
        let cannot_keep_up = measured.saturated || ran.is_overrun || measured.unfinished > 0;
        // How much is achieved is what is looked for, and judged in the end.
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

/// A rate to begin with: as many sessions as one host makes one after another. Also the number of the next session.
/// `None` where somebody asked to stop.
fn probe(engine: &Pacer<'_>, hosts: &mut [Box<dyn LoadExecutor>]) -> Result<Option<(Rate, u64)>, RuntimeError> {
    let Some(host) = hosts.first_mut() else { return Ok(None) };
    let began = Instant::now();
    let mut sessions = 0;
    while sessions < PROBE_SESSIONS && began.elapsed() < PROBE {
        if engine.stop.requested() {
            return Ok(None);
        }
        let session = engine.workload.session(sessions);
        match engine.settings.isolation {
            Isolation::Persistent => drop(host.session(&session)?),
            Isolation::Isolated => {
                let mut underway = SessionState::new(session);
                while underway.next_hook().is_some() && !engine.stop.requested() {
                    host.step(&mut underway)?;
                }
            }
        }
        sessions += 1;
    }
    let rate = Rate::per_second(sessions as f64 / began.elapsed().as_secs_f64().max(1e-6));
    Ok(rate.map(|rate| (rate, sessions)))
}

fn grown(growth: &Mutex<GrowthWatch>) -> Vec<Growth> {
    growth.lock().unwrap_or_else(PoisonError::into_inner).growth()
}
