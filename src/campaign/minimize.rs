//! Makes one case small ([`minimize_case`]), and a corpus to the cases that matter ([`minimize_corpus`]).

use std::{collections::HashMap, path::PathBuf};

use crate::{
    campaign::{
        CampaignError, Plan, Setup, Stop,
        bench::{Bench, Quiet, Seen},
        leak,
        plan::found,
        shrink::shrink_confirmed,
        single::examine,
    },
    case::Case,
    corpus::size,
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
/// [`CampaignError::Runtime`] where the runtime failed, not the plugin.
pub fn minimize_case(plan: &Plan<'_>, case: &Case, stop: &Stop) -> Result<Minimize, CampaignError> {
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

/// Why a case need not stay in its corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Superfluous {
    /// This one shows the same finding and is smaller.
    SmallerShowsIt(PathBuf),
    /// This one is the same.
    SameAs(PathBuf),
    /// It must stay silent, and runs no line of the plugin that smaller ones do not run.
    NoNewLines,
}

/// Says which cases need not stay, in the order in which they were given; the caller removes them. Cases of another type
/// and cases whose finding is not seen now stay: they are no waste, they are history. Of the others the smallest that
/// shows a finding stays. Cases without a finding stay unless they are the same as another, or with `by_coverage` unless
/// smaller ones run all of their lines.
///
/// # Errors
/// [`CampaignError::Runtime`] where the runtime failed, not the plugin.
pub fn minimize_corpus(
    plan: &Plan<'_>,
    cases: &[(PathBuf, Case)],
    by_coverage: bool,
    stop: &Stop,
) -> Result<Vec<(PathBuf, Superfluous)>, CampaignError> {
    let plugin_type = (plan.subject)(&Setup::default()).plugin_type;
    let quiet = Quiet::default();
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_cached_key(|&index| (size(&cases[index].1), cases[index].0.clone()));

    let mut superfluous: Vec<Option<Superfluous>> = vec![None; cases.len()];
    let mut contents: HashMap<String, usize> = HashMap::new();
    let mut shown: HashMap<String, usize> = HashMap::new();
    let mut benches: Vec<(Setup, Bench<'_>)> = Vec::new();
    for index in order {
        let (_, case) = &cases[index];
        if let Some(&same) = contents.get(&case.to_json()) {
            superfluous[index] = Some(Superfluous::SameAs(cases[same].0.clone()));
            continue;
        }
        contents.insert(case.to_json(), index);
        let fingerprint = case.found.as_ref().map(|found| found.fingerprint.clone());
        let smaller = fingerprint.as_ref().and_then(|fingerprint| shown.get(fingerprint)).copied();
        let can_run = case.plugin_type == plugin_type && !plan.lacks_other(case);
        if !can_run || !(fingerprint.is_some() || by_coverage) || stop.requested() {
            continue;
        }
        let setup = Setup::of(case);
        // Cases are sorted by size, so setups alternate; a corpus has few of them, and one worker at a time is enough.
        if benches.last().is_none_or(|(known, _)| *known != setup) {
            benches.clear();
            let mut bench = Bench::start(plan, &setup, &quiet)?;
            bench.watch_lines();
            benches.push((setup.clone(), bench));
        }
        let Some((_, bench)) = benches.last_mut() else { continue };
        let lines_before = bench.lines_hit().len();
        let (_, findings) = examine(bench, case)?;
        match fingerprint {
            Some(fingerprint) => {
                let shows = findings.iter().any(|finding| finding.fingerprint.as_str() == fingerprint);
                match smaller {
                    Some(smaller) if shows => {
                        superfluous[index] = Some(Superfluous::SmallerShowsIt(cases[smaller].0.clone()));
                    }
                    None if shows => {
                        shown.insert(fingerprint, index);
                    }
                    _ => {}
                }
            }
            None if bench.lines_hit().len() == lines_before => superfluous[index] = Some(Superfluous::NoNewLines),
            None => {}
        }
    }
    Ok(cases
        .iter()
        .zip(superfluous)
        .filter_map(|((path, _), reason)| reason.map(|reason| (path.clone(), reason)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        campaign::fake::{self, FakePlugin},
        case::Session,
        contract::{Hook, Platform, PluginType},
    };

    /// Raises in the last hook, if the first one was called by anybody with a port below 10.
    fn plugin() -> FakePlugin {
        FakePlugin::new(|call, _, _| match call.hook {
            Hook::GetPrivateKeyList if (1..10).contains(&fake::port(call)) => fake::raise("KeyError"),
            _ => fake::give(1),
        })
    }

    fn case(session: Session, shows: bool) -> Case {
        let finding = plugin().with_plan(|plan| {
            let trace = crate::runtime::Trace {
                calls: vec![fake::call(0, Hook::GetPrivateKeyList, fake::raise("KeyError"))],
                ..Default::default()
            };
            plan.judge.judge(&(plan.subject)(&Setup::default()), &session, &trace).remove(0)
        });
        Case {
            plugin_type: PluginType::CredentialStore,
            platform: Platform::newest(),
            configuration: None,
            session,
            earlier: Vec::new(),
            found: shows.then(|| found(&finding)),
        }
    }

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

    #[test]
    fn a_corpus_keeps_the_smallest_of_each_finding_and_what_runs_new_lines() {
        let only = |hook: usize, port| Session::new(vec![fake::session(port).calls[hook].clone()]);
        let cases: Vec<(PathBuf, Case)> = [
            ("large", case(fake::session(3), true)),
            ("small", case(only(1, 4), true)),
            ("fixed", case(fake::session(30), true)),
            ("quiet", case(only(0, 30), false)),
            ("quiet-again", case(only(0, 30), false)),
            ("quiet-too", case(only(0, 3000), false)),
            ("quiet-elsewhere", case(only(2, 3000), false)),
        ]
        .map(|(name, case)| (PathBuf::from(name), case))
        .to_vec();
        let minimize = |by_coverage| {
            plugin().with_plan(|plan| minimize_corpus(plan, &cases, by_coverage, &Stop::default()).unwrap())
        };
        let large = (PathBuf::from("large"), Superfluous::SmallerShowsIt("small".into()));
        let again = (PathBuf::from("quiet-again"), Superfluous::SameAs("quiet".into()));
        let covered = (PathBuf::from("quiet-too"), Superfluous::NoNewLines);
        assert_eq!(minimize(false), [large.clone(), again.clone()]);
        assert_eq!(minimize(true), [large, again, covered]);
    }
}
