//! [`run_case`]: runs one case as the platform would and returns its whole trace. `replay` and shrinking use `examine`.

use crate::{
    case::Case,
    engine::{
        EngineError, Plan, Setup,
        compare::{self, Difference},
        exclusive_run::ExclusiveRun,
        reproducer::{Reproducer, timed_out},
    },
    finding::{Finding, Rule},
    runtime::RuntimeError,
    trace::Trace,
};

/// Runs `case` in fresh processes, on its own platform and with its own configuration. For a finding that comes from a
/// comparison (`state-leak`, `nondeterministic`), the comparison is made again.
///
/// # Errors
/// [`EngineError::Runtime`] if the runtime failed, not the plugin.
pub fn run_case(plan: &Plan<'_>, case: &Case) -> Result<(Trace, Vec<Finding>), EngineError> {
    let exclusive = ExclusiveRun::default();
    let mut reproducer = Reproducer::start(plan, &Setup::of(case), &exclusive)?;
    Ok(examine(&mut reproducer, case)?)
}

/// What `case` shows. If a call reaches the time limit, the session runs again with five times the limit, so that a
/// busy machine does not look like a slow plugin.
pub(super) fn examine(reproducer: &mut Reproducer<'_>, case: &Case) -> Result<(Trace, Vec<Finding>), RuntimeError> {
    let mut trace = reproducer.isolated(&case.session)?;
    if timed_out(&trace) {
        trace = reproducer.isolated_with_longer_limit(&case.session)?;
    }
    let mut findings = reproducer.judge(&case.session, &trace);
    let rule = case.found.as_ref().and_then(|found| Rule::named(&found.rule));
    let difference = match rule {
        Some(Rule::StateLeak) => compare::compare_after(reproducer, &case.earlier, &case.session, &[])?,
        Some(Rule::Nondeterministic) => {
            compare::compare_fresh(reproducer, &case.session)?.map_or(Difference::None, Difference::Nondeterministic)
        }
        _ => Difference::None,
    };
    if let Difference::StateLeak(reproduced) | Difference::Nondeterministic(reproduced) = difference {
        // The trace that differs shows the finding.
        trace = reproduced.trace;
        findings.push(reproduced.finding);
    }
    Ok((trace, findings))
}
