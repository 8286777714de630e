//! Runs one case as the platform would and says what it shows: [`run_case`], for whoever wants to see it in full.

use crate::{
    case::Case,
    engine::{
        EngineError, Plan, Setup,
        bench::{Bench, Quiet, timed_out},
        leak::{self, Compared},
    },
    finding::{Finding, Rule},
    runtime::RuntimeError,
    trace::Trace,
};

/// Runs `case` in fresh processes, on its own platform and with its own configuration. A case that is about a comparison
/// (`state-leak`, `nondeterministic`) is compared again.
///
/// # Errors
/// [`EngineError::Runtime`] where the runtime failed, not the plugin.
pub fn run_case(plan: &Plan<'_>, case: &Case) -> Result<(Trace, Vec<Finding>), EngineError> {
    let quiet = Quiet::default();
    let mut bench = Bench::start(plan, &Setup::of(case), &quiet)?;
    Ok(examine(&mut bench, case)?)
}

/// What `case` shows on this bench. Where a call runs out of time the session gets five times the limit, so that a busy
/// machine is not taken for a slow plugin.
pub(super) fn examine(bench: &mut Bench<'_>, case: &Case) -> Result<(Trace, Vec<Finding>), RuntimeError> {
    let mut trace = bench.isolated(&case.session)?;
    if timed_out(&trace) {
        trace = bench.patient(&case.session)?;
    }
    let mut findings = bench.judge(&case.session, &trace);
    let rule = case.found.as_ref().and_then(|found| Rule::named(&found.rule));
    let compared = match rule {
        Some(Rule::StateLeak) => leak::compare(bench, &case.earlier, &case.session, &[])?,
        Some(Rule::Nondeterministic) => leak::steady(bench, &case.session)?.map_or(Compared::Same, Compared::Unsteady),
        _ => Compared::Same,
    };
    if let Compared::Leak(seen) | Compared::Unsteady(seen) = compared {
        // The trace that differs is the one to look at.
        trace = seen.trace;
        findings.push(seen.finding);
    }
    Ok((trace, findings))
}
