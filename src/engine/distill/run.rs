//! [`minimize_corpus`].

use std::path::PathBuf;

use super::{
    cases::{Cases, RemovalReason, Verdict},
    observe::observe,
    redundant::judge_by_findings,
    select::remove_covered,
};
use crate::engine::{EngineError, Plan, Stop, reproducer_pool::ReproducerPool};

/// Returns the cases that can be removed, in the order in which they were passed, tests first. The caller removes them.
/// The result is the same for any number of `jobs`.
///
/// These cases stay: cases for another type of plugin, cases that do not show their finding now, and cases that reach a
/// time limit. They record the past, or depend on the machine. Of the cases that show the same finding the smallest one
/// stays. Of the rest a small set stays that, with the former, runs all that they ran: the same edges, as often, with
/// the same features. If nothing can be instrumented, lines take the place of edges. Without `by_coverage`, the whole
/// rest stays.
///
/// # Errors
/// [`EngineError::Runtime`] if the runtime failed, not the plugin.
pub fn minimize_corpus(
    plan: &Plan<'_>,
    cases: Cases<'_>,
    by_coverage: bool,
    jobs: usize,
    stop: &Stop,
) -> Result<Vec<(PathBuf, RemovalReason)>, EngineError> {
    let pool = ReproducerPool::new(plan, jobs)?;
    let order = cases.by_preference();
    let mut verdicts = judge_by_findings(&pool, cases, &order, stop)?;
    if by_coverage {
        let coverage = observe(&pool, cases, &order, &verdicts, stop)?;
        remove_covered(cases, &order, &coverage, &mut verdicts);
    }
    let removed = |(index, verdict)| match verdict {
        Verdict::Removed(reason) => Some((cases.path(index).clone(), reason)),
        Verdict::Stays | Verdict::IfNeeded => None,
    };
    Ok(verdicts.into_iter().enumerate().filter_map(removed).collect())
}
