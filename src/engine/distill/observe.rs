//! Observes what cases run: edges and features or, if nothing can be instrumented, lines and features.

use std::collections::HashSet;

use super::cases::{Cases, Verdict, can_run};
use crate::{
    engine::{
        EngineError, Setup, Stop,
        fuzz::{Feature, features, is_aborted},
        reproducer::timed_out,
        reproducer_pool::ReproducerPool,
    },
    runtime::Executor,
    trace::{Edge, Instrumentation, Observation, Trace},
};

/// How many cases one worker observes. What a case runs may depend on those before it, so the number does not depend on
/// the number of threads.
const CHUNK: usize = 256;

/// Something that a case ran or showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Observed {
    Edge { number: u32, bucket: u8 },
    Feature(Feature),
    Line(usize, u32),
}

/// What a case ran and showed, with the number of its setup. `None` if it did not run or reached a time limit: what it
/// ran until then depends on the machine.
pub(super) type CaseCoverage = Option<(usize, HashSet<Observed>)>;

/// Runs the cases that are not removed yet.
pub(super) fn observe(
    pool: &ReproducerPool<'_>,
    cases: Cases<'_>,
    order: &[usize],
    verdicts: &[Verdict],
    stop: &Stop,
) -> Result<Vec<CaseCoverage>, EngineError> {
    let is_to_run =
        |&index: &usize| !matches!(verdicts[index], Verdict::Removed(_)) && can_run(pool.plan, cases.case(index));
    let mut coverage: Vec<CaseCoverage> = vec![None; cases.len()];
    let setups = Setup::group(order.iter().copied().filter(is_to_run), |index| cases.case(index));
    for (number, (setup, mut indices)) in setups.into_iter().enumerate() {
        // Idle workers count among those that the user asked for, and have lines of earlier cases.
        pool.end_idle();
        let observed = match observe_edges(pool, &setup, cases, &indices, stop)? {
            Some(observed) => observed,
            None => {
                // A worker reports only lines that did not run before, so the cases that stay anyway come first.
                indices.sort_by_key(|&index| verdicts[index] != Verdict::Stays);
                observe_lines(pool, &setup, cases, &indices, stop)?
            }
        };
        for (index, things) in observed {
            coverage[index] = things.map(|things| (number, things));
        }
    }
    Ok(coverage)
}

/// A case's index, and what it ran and showed. `None` if it reached a time limit.
type Ran = (usize, Option<HashSet<Observed>>);

/// The code that a case ran, with the features of its trace, which is not kept.
fn ran(cases: Cases<'_>, index: usize, trace: &Trace, mut things: HashSet<Observed>) -> Ran {
    if timed_out(trace) {
        return (index, None);
    }
    // `fuzz` keeps an aborted session only for the code that it ran.
    if !is_aborted(trace) {
        things.extend(features(&cases.case(index).session, trace).into_iter().map(Observed::Feature));
    }
    (index, Some(things))
}

/// Observes edges in instrumented workers, several chunks in parallel. `None` if nothing could be instrumented.
fn observe_edges(
    pool: &ReproducerPool<'_>,
    setup: &Setup,
    cases: Cases<'_>,
    indices: &[usize],
    stop: &Stop,
) -> Result<Option<Vec<Ran>>, EngineError> {
    let setup = Setup { instrument: true, ..setup.clone() };
    let chunks: Vec<&[usize]> = indices.chunks(CHUNK).collect();
    let observed = pool.map(&chunks, |chunk| {
        let mut executor = (pool.plan.workers)(&setup)?;
        if executor.instrumented() == 0 {
            return Ok(None);
        }
        let mut observed = Vec::with_capacity(chunk.len());
        for &index in chunk.iter().take_while(|_| !stop.requested()) {
            let (trace, edges) = edges_of(&mut *executor, cases, index)?;
            observed.push(ran(cases, index, &trace, edges));
        }
        Ok::<_, EngineError>(Some(observed))
    });
    let chunks: Option<Vec<Vec<Ran>>> = observed.into_iter().collect::<Result<_, _>>()?;
    Ok(chunks.map(|chunks| chunks.concat()))
}

fn edges_of(
    executor: &mut dyn Executor,
    cases: Cases<'_>,
    index: usize,
) -> Result<(Trace, HashSet<Observed>), EngineError> {
    let session = std::slice::from_ref(&cases.case(index).session);
    // This observation has all edges, not only those that are new to the worker.
    let observed = executor.run_observed(session, Instrumentation::Comparisons)?;
    let Observation { trace, edges, .. } = observed.into_iter().next().unwrap_or_default();
    let observed = |edge: Edge| Observed::Edge { number: edge.number, bucket: edge.bucket };
    Ok((trace, edges.into_iter().map(observed).collect()))
}

/// Observes lines in one new worker, case by case.
fn observe_lines(
    pool: &ReproducerPool<'_>,
    setup: &Setup,
    cases: Cases<'_>,
    indices: &[usize],
    stop: &Stop,
) -> Result<Vec<Ran>, EngineError> {
    let mut known: HashSet<(usize, u32)> = HashSet::new();
    let observed = pool.with(setup, |reproducer| {
        reproducer.record_lines();
        let mut observed = Vec::with_capacity(indices.len());
        for &index in indices.iter().take_while(|_| !stop.requested()) {
            let trace = reproducer.isolated(&cases.case(index).session)?;
            let new = reproducer.lines_hit().into_iter().filter(|line| known.insert(*line));
            let lines = new.map(|(file, line)| Observed::Line(file, line)).collect();
            observed.push(ran(cases, index, &trace, lines));
        }
        Ok(observed)
    });
    Ok(observed?)
}
