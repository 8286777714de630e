//! [`shrink_case`].

use crate::{
    case::Case,
    corpus::size,
    engine::{
        EngineError, Plan, Setup, Stop, attempt_runner::AttemptRunner, compare, plan::found, reproducer::Reproduced,
        reproducer_pool::ReproducerPool, run_case::examine, shrink::shrink_confirmed,
    },
    finding::{Finding, Rule},
};

/// What shrinking a case gave.
#[derive(Clone, Debug, PartialEq)]
pub enum ShrinkOutcome {
    /// This case shows the finding.
    Done(Box<ShrunkCase>),
    /// The case records no finding, so there is nothing to preserve. It shows these.
    NoFinding(Vec<Finding>),
    /// The case does not show its finding any more. It shows these instead.
    ShowsNothing(Vec<Finding>),
    /// It is for another type of plugin.
    OtherType,
    /// Some of its calls go to another plugin, and there is none.
    WantsOther,
}

/// A case that was shrunk.
#[derive(Clone, Debug, PartialEq)]
pub struct ShrunkCase {
    /// The case.
    pub case: Case,
    /// How many calls it had.
    pub calls_before: usize,
    /// How many calls it has.
    pub calls_after: usize,
    /// How many candidates were tried.
    pub tries: u32,
}

/// Shrinks a case as long as it shows its finding, with `jobs` workers. The result is the same for any number of
/// workers.
///
/// # Errors
/// [`EngineError`] if the runtime failed, not the plugin.
pub fn shrink_case(plan: &Plan<'_>, case: &Case, jobs: usize, stop: &Stop) -> Result<ShrinkOutcome, EngineError> {
    if case.plugin_type != (plan.subject)(&Setup::default()).plugin_type {
        return Ok(ShrinkOutcome::OtherType);
    }
    if plan.lacks_other(case) {
        return Ok(ShrinkOutcome::WantsOther);
    }
    let pool = ReproducerPool::new(plan, jobs)?;
    let setup = Setup::of(case);
    let mut runner = AttemptRunner::Pool(&pool, &setup);
    let (trace, findings) = runner.with(|reproducer| examine(reproducer, case))?;
    let Some(recorded) = &case.found else { return Ok(ShrinkOutcome::NoFinding(findings)) };
    let Some(finding) = findings.iter().find(|finding| finding.has_fingerprint(&recorded.fingerprint)) else {
        return Ok(ShrinkOutcome::ShowsNothing(findings));
    };
    let first = Reproduced { session: case.session.clone(), finding: finding.clone(), trace };
    let (earlier, small, tries) = match finding.rule {
        Rule::StateLeak => compare::shrink_leak(&mut runner, case.earlier.clone(), first, stop)?,
        Rule::Nondeterministic => {
            let (small, tries) = compare::shrink_nondeterminism(&mut runner, first, stop)?;
            (Vec::new(), small, tries)
        }
        _ => {
            let (small, tries) = shrink_confirmed(&mut runner, first, stop)?;
            (Vec::new(), small, tries)
        }
    };
    let small = Case { session: small.session, earlier, found: Some(found(&small.finding)), ..case.clone() };
    let (calls_before, calls_after) = (size(case).1, size(&small).1);
    Ok(ShrinkOutcome::Done(Box::new(ShrunkCase { case: small, calls_before, calls_after, tries })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::Hook,
        engine::fake::{self, fragile as plugin, fragile_case as case},
    };

    #[test]
    fn a_case_shrinks_to_the_one_call_and_the_one_argument_that_matter() {
        let ShrinkOutcome::Done(shrunk) =
            plugin().with_plan(|plan| shrink_case(plan, &case(fake::session(3), true), 2, &Stop::default()).unwrap())
        else {
            panic!("it shows its finding")
        };
        let [call] = &shrunk.case.session.calls[..] else { panic!("one call: {shrunk:?}") };
        assert_eq!((call.hook, call.arguments.len(), fake::port(call)), (Hook::GetPrivateKeyList, 1, 3));
        assert_eq!((shrunk.calls_before, shrunk.calls_after), (3, 1));
    }

    #[test]
    fn a_case_without_its_finding_is_not_shrunk() {
        let shrink = |case| plugin().with_plan(|plan| shrink_case(plan, &case, 1, &Stop::default()).unwrap());
        assert_eq!(shrink(case(fake::session(30), true)), ShrinkOutcome::ShowsNothing(Vec::new()));
        assert_eq!(shrink(case(fake::session(30), false)), ShrinkOutcome::NoFinding(Vec::new()));
    }
}
