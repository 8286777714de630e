//! Finds the cases that equal another one, and those that show a finding which a smaller one shows.

use std::collections::HashMap;

use super::cases::{Cases, RemovalReason, Verdict, can_run};
use crate::engine::{EngineError, Setup, Stop, reproducer_pool::ReproducerPool, run_case::examine};

/// Judges cases by their content and their findings. `order` is the order of preference.
pub(super) fn judge_by_findings(
    pool: &ReproducerPool<'_>,
    cases: Cases<'_>,
    order: &[usize],
    stop: &Stop,
) -> Result<Vec<Verdict>, EngineError> {
    let mut verdicts = vec![Verdict::Stays; cases.len()];
    let mut contents: HashMap<String, usize> = HashMap::new();
    for &index in order {
        let first = *contents.entry(cases.case(index).to_json()).or_insert(index);
        if first != index {
            verdicts[index] = Verdict::Removed(RemovalReason::SameAs(cases.path(first).clone()));
        } else if cases.case(index).found.is_none() {
            verdicts[index] = Verdict::IfNeeded;
        }
    }
    let shows = shows_its_finding(pool, cases, order, &verdicts, stop)?;
    let mut smallest: HashMap<&str, usize> = HashMap::new();
    for &index in order {
        let Some(recorded) = cases.case(index).found.as_ref().filter(|_| shows[index]) else { continue };
        let smaller = *smallest.entry(&recorded.fingerprint).or_insert(index);
        if smaller != index {
            verdicts[index] = Verdict::Removed(RemovalReason::SmallerShowsIt(cases.path(smaller).clone()));
        }
    }
    Ok(verdicts)
}

/// Runs the cases that record a finding. For each case, whether it shows its finding now.
fn shows_its_finding(
    pool: &ReproducerPool<'_>,
    cases: Cases<'_>,
    order: &[usize],
    verdicts: &[Verdict],
    stop: &Stop,
) -> Result<Vec<bool>, EngineError> {
    let is_to_run = |&index: &usize| verdicts[index] == Verdict::Stays && can_run(pool.plan, cases.case(index));
    let setups = Setup::group(order.iter().copied().filter(is_to_run), |index| cases.case(index));
    let queue: Vec<(&Setup, usize)> =
        setups.iter().flat_map(|(setup, members)| members.iter().map(move |&index| (setup, index))).collect();
    let results = pool.map(&queue, |&(setup, index)| {
        let Some(recorded) = cases.case(index).found.as_ref().filter(|_| !stop.requested()) else { return Ok(false) };
        let (_, findings) = pool.with(setup, |reproducer| examine(reproducer, cases.case(index)))?;
        Ok::<bool, EngineError>(findings.iter().any(|finding| finding.has_fingerprint(&recorded.fingerprint)))
    });
    let mut shows = vec![false; cases.len()];
    for (&(_, index), result) in queue.iter().zip(results) {
        shows[index] = result?;
    }
    Ok(shows)
}
