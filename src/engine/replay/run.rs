//! [`replay`]: examines the cases in parallel.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::outcome::{ReplayOutcome, ReplaySummary, ReplayedCase};
use crate::{
    case::Case,
    engine::{EngineError, Event, Plan, Setup, Stop, reproducer_pool::ReproducerPool, run_case::examine},
    finding::RuleLevels,
    runtime::RuntimeError,
};

/// Runs every case and returns the outcomes.
///
/// # Errors
/// [`EngineError`] if no case could run.
pub fn replay(
    plan: &Plan<'_>,
    cases: Vec<(PathBuf, Case)>,
    jobs: usize,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<ReplaySummary, EngineError> {
    let started = Instant::now();
    // If the user turned a rule off, its cases must not look fixed.
    let levels = RuleLevels::default();
    let every_rule = Plan { levels: &levels, ..*plan };
    let plugin_type = (plan.subject)(&Setup::default()).plugin_type;
    let mut outcomes: Vec<ReplayOutcome> = cases
        .iter()
        .map(|(_, case)| match () {
            () if case.plugin_type != plugin_type => ReplayOutcome::OtherType,
            () if plan.lacks_other(case) => ReplayOutcome::WantsOther,
            () => ReplayOutcome::NotRun,
        })
        .collect();
    let to_run = (0..cases.len()).filter(|&index| outcomes[index] == ReplayOutcome::NotRun);
    let setups = Setup::group(to_run, |index| &cases[index].1);
    // Cases of one setup are neighbours, so that a thread rarely needs another worker.
    let queue: Vec<(&Setup, usize)> =
        setups.iter().flat_map(|(setup, members)| members.iter().map(move |&index| (setup, index))).collect();

    let pool = ReproducerPool::new(&every_rule, jobs.min(queue.len()))?;
    let progress = Mutex::new(Progress::default());
    let results = pool.map(&queue, |&(setup, index)| {
        if stop.requested() {
            return None;
        }
        let case = &cases[index].1;
        let result = pool.with(setup, |reproducer| examine(reproducer, case)).map(|(trace, findings)| {
            let outcome = ReplayOutcome::new(case, findings, plan.levels);
            (trace.calls.len() as u64, outcome)
        });
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.add(&result);
        listen(Event::Progress {
            sessions: progress.sessions,
            of: Some(queue.len() as u64),
            calls: progress.calls,
            findings: progress.findings,
        });
        Some(result)
    });

    let (mut has_run, mut first_error) = (false, None);
    for (&(_, index), result) in queue.iter().zip(results) {
        match result {
            None => {}
            Some(Ok((_, outcome))) => {
                has_run = true;
                outcomes[index] = outcome;
            }
            Some(Err(error)) => {
                outcomes[index] = ReplayOutcome::CannotRun(error.to_string());
                first_error.get_or_insert(error);
            }
        }
    }
    if let Some(error) = first_error
        && !has_run
    {
        return Err(error.into());
    }
    let interrupted = outcomes.contains(&ReplayOutcome::NotRun);
    let replayed =
        cases.into_iter().zip(outcomes).map(|((path, case), outcome)| ReplayedCase { path, case, outcome }).collect();
    Ok(ReplaySummary { replayed, elapsed: started.elapsed(), interrupted })
}

/// The counts for progress events.
#[derive(Default)]
struct Progress {
    sessions: u64,
    calls: u64,
    findings: usize,
}

impl Progress {
    fn add(&mut self, result: &Result<(u64, ReplayOutcome), RuntimeError>) {
        self.sessions += 1;
        if let Ok((calls, outcome)) = result {
            self.calls += calls;
            self.findings += usize::from(!matches!(outcome, ReplayOutcome::Silent | ReplayOutcome::Fixed));
        }
    }
}
