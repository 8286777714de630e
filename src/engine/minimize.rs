//! Makes one case small: [`minimize_case`].

use crate::{
    case::Case,
    corpus::size,
    engine::{
        EngineError, Plan, Setup, Stop,
        bench::{Bench, Quiet, Seen},
        leak,
        plan::found,
        shrink::shrink_confirmed,
        single::examine,
    },
    finding::{Finding, Rule},
};

/// What came of minimizing a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Minimize {
    /// It shows its finding with this.
    Done(Box<Minimized>),
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
pub struct Minimized {
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
pub fn minimize_case(plan: &Plan<'_>, case: &Case, stop: &Stop) -> Result<Minimize, EngineError> {
    if case.plugin_type != (plan.subject)(&Setup::default()).plugin_type {
        return Ok(Minimize::OtherType);
    }
    if plan.lacks_other(case) {
        return Ok(Minimize::WantsOther);
    }
    let quiet = Quiet::default();
    let mut bench = Bench::start(plan, &Setup::of(case), &quiet)?;
    let (trace, findings) = examine(&mut bench, case)?;
    let Some(expected) = &case.found else { return Ok(Minimize::NoFinding(findings)) };
    let Some(finding) = findings.iter().find(|finding| finding.fingerprint.as_str() == expected.fingerprint) else {
        return Ok(Minimize::ShowsNothing(findings));
    };
    let seen = Seen { session: case.session.clone(), finding: finding.clone(), trace };
    let (earlier, seen, tries) = match finding.rule {
        Rule::StateLeak => leak::shrink_leak(&mut bench, case.earlier.clone(), seen, stop)?,
        Rule::Nondeterministic => {
            let (seen, tries) = leak::shrink_unsteady(&mut bench, seen, stop)?;
            (Vec::new(), seen, tries)
        }
        _ => {
            let (seen, tries) = shrink_confirmed(&mut bench, seen, stop)?;
            (Vec::new(), seen, tries)
        }
    };
    let small = Case { session: seen.session, earlier, found: Some(found(&seen.finding)), ..case.clone() };
    let (calls_before, calls_after) = (size(case).1, size(&small).1);
    Ok(Minimize::Done(Box::new(Minimized { case: small, calls_before, calls_after, tries })))
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
        let Minimize::Done(minimized) =
            plugin().with_plan(|plan| minimize_case(plan, &case(fake::session(3), true), &Stop::default()).unwrap())
        else {
            panic!("it shows its finding")
        };
        let [call] = &minimized.case.session.calls[..] else { panic!("one call: {minimized:?}") };
        assert_eq!((call.hook, call.arguments.len(), fake::port(call)), (Hook::GetPrivateKeyList, 1, 3));
        assert_eq!((minimized.calls_before, minimized.calls_after), (3, 1));
    }

    #[test]
    fn a_case_that_shows_nothing_says_so() {
        let minimize = |case| plugin().with_plan(|plan| minimize_case(plan, &case, &Stop::default()).unwrap());
        assert_eq!(minimize(case(fake::session(30), true)), Minimize::ShowsNothing(Vec::new()));
        assert_eq!(minimize(case(fake::session(30), false)), Minimize::NoFinding(Vec::new()));
    }
}
