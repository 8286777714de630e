//! Makes one case small: [`shrink_case`].

use crate::{
    case::Case,
    corpus::size,
    engine::{
        EngineError, Plan, Setup, Stop, compare,
        exclusive_run::ExclusiveRun,
        plan::found,
        reproducer::{Reproduced, Reproducer},
        run_case::examine,
        shrink::shrink_confirmed,
    },
    finding::{Finding, Rule},
};

/// What came of minimizing a case.
#[derive(Clone, Debug, PartialEq)]
pub enum ShrinkOutcome {
    /// It shows its finding with this.
    Done(Box<ShrunkCase>),
    /// It says of no finding that it shows one, so there is nothing to hold on to. What it shows is here.
    NoFinding(Vec<Finding>),
    /// It does not show its finding any more. What it shows instead is here.
    ShowsNothing(Vec<Finding>),
    /// It is for another type of plugin.
    OtherType,
    /// Some of its calls go to another plugin, and none was given.
    WantsOther,
}

/// A case made small.
#[derive(Clone, Debug, PartialEq)]
pub struct ShrunkCase {
    /// The case.
    pub case: Case,
    /// How many calls it had.
    pub calls_before: usize,
    /// How many it has.
    pub calls_after: usize,
    /// How many smaller sessions were tried.
    pub tries: u32,
}

/// Shrinks a case as long as it shows its finding.
///
/// # Errors
/// [`EngineError::Runtime`] where the runtime failed, not the plugin.
pub fn shrink_case(plan: &Plan<'_>, case: &Case, stop: &Stop) -> Result<ShrinkOutcome, EngineError> {
    if case.plugin_type != (plan.subject)(&Setup::default()).plugin_type {
        return Ok(ShrinkOutcome::OtherType);
    }
    if plan.lacks_other(case) {
        return Ok(ShrinkOutcome::WantsOther);
    }
    let exclusive = ExclusiveRun::default();
    let mut reproducer = Reproducer::start(plan, &Setup::of(case), &exclusive)?;
    let (trace, findings) = examine(&mut reproducer, case)?;
    let Some(expected) = &case.found else { return Ok(ShrinkOutcome::NoFinding(findings)) };
    let Some(finding) = findings.iter().find(|finding| finding.fingerprint.as_str() == expected.fingerprint) else {
        return Ok(ShrinkOutcome::ShowsNothing(findings));
    };
    let seen = Reproduced { session: case.session.clone(), finding: finding.clone(), trace };
    let (earlier, seen, tries) = match finding.rule {
        Rule::StateLeak => compare::shrink_leak(&mut reproducer, case.earlier.clone(), seen, stop)?,
        Rule::Nondeterministic => {
            let (seen, tries) = compare::shrink_nondeterminism(&mut reproducer, seen, stop)?;
            (Vec::new(), seen, tries)
        }
        _ => {
            let (seen, tries) = shrink_confirmed(&mut reproducer, seen, stop)?;
            (Vec::new(), seen, tries)
        }
    };
    let small = Case { session: seen.session, earlier, found: Some(found(&seen.finding)), ..case.clone() };
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
    fn a_case_becomes_the_one_call_and_the_one_argument_that_matter() {
        let ShrinkOutcome::Done(minimized) =
            plugin().with_plan(|plan| shrink_case(plan, &case(fake::session(3), true), &Stop::default()).unwrap())
        else {
            panic!("it shows its finding")
        };
        let [call] = &minimized.case.session.calls[..] else { panic!("one call: {minimized:?}") };
        assert_eq!((call.hook, call.arguments.len(), fake::port(call)), (Hook::GetPrivateKeyList, 1, 3));
        assert_eq!((minimized.calls_before, minimized.calls_after), (3, 1));
    }

    #[test]
    fn a_case_that_shows_nothing_says_so() {
        let minimize = |case| plugin().with_plan(|plan| shrink_case(plan, &case, &Stop::default()).unwrap());
        assert_eq!(minimize(case(fake::session(30), true)), ShrinkOutcome::ShowsNothing(Vec::new()));
        assert_eq!(minimize(case(fake::session(30), false)), ShrinkOutcome::NoFinding(Vec::new()));
    }
}
