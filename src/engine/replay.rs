//! Runs what broke once, and what must not break: [`replay`]. Every case runs in fresh processes, on its own platform and
//! with its own configuration.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    case::Case,
    engine::{
        EngineError, Event, Plan, Setup, Stop,
        bench::{Bench, Quiet},
        property::threads,
        single::examine,
    },
    finding::{Finding, Rule, RuleLevels, Severity},
    runtime::RuntimeError,
};

/// How a case fared.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It must stay silent, and did; warnings are no noise.
    Silent,
    /// It must stay silent, and did not.
    Failed(Vec<Finding>),
    /// Its defect is still there.
    StillThere(Finding),
    /// Its defect is gone, and nothing as bad came instead.
    Fixed,
    /// Its defect is gone, and these came instead.
    Became(Vec<Finding>),
    /// It is for another type of plugin, and was not run.
    OtherType,
    /// Some of its calls go to another plugin, and none was given.
    WantsOther,
    /// It could not be run: the plugin does not load with its configuration, for instance.
    Broken(String),
    /// Somebody asked to stop before its turn.
    NotRun,
}

/// A case, and how it fared.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The case's file.
    pub path: PathBuf,
    /// The case.
    pub case: Case,
    /// How it fared.
    pub outcome: Outcome,
}

/// What a replay did.
#[derive(Clone, Debug, Default)]
pub struct ReplaySummary {
    /// Every case, in the order in which they were given.
    pub replayed: Vec<Replayed>,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether it was asked to stop before its end.
    pub interrupted: bool,
}

impl ReplaySummary {
    /// Whether something is worse than the corpus says: a regression, a defect that became another, or a case that cannot
    /// be run. Defects that are known and still there are no news.
    pub fn failed(&self) -> bool {
        self.replayed
            .iter()
            .any(|replayed| matches!(replayed.outcome, Outcome::Failed(_) | Outcome::Became(_) | Outcome::Broken(_)))
    }
}

/// Runs every case and says how it fares.
///
/// # Errors
/// [`EngineError`] where not one case could be run.
pub fn replay(
    plan: &Plan<'_>,
    cases: Vec<(PathBuf, Case)>,
    jobs: usize,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<ReplaySummary, EngineError> {
    let started = Instant::now();
    // A rule that the user turned off must not make its case look mended.
    let levels = RuleLevels::default();
    let every_rule = Plan { levels: &levels, ..*plan };
    let plugin_type = (plan.subject)(&Setup::default()).plugin_type;
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(cases.len());
    let mut setups: Vec<(Setup, Vec<usize>)> = Vec::new();
    for (index, (_, case)) in cases.iter().enumerate() {
        outcomes.push(match () {
            () if case.plugin_type != plugin_type => Outcome::OtherType,
            () if plan.lacks_other(case) => Outcome::WantsOther,
            () => Outcome::NotRun,
        });
        if outcomes[index] == Outcome::NotRun {
            let setup = Setup::of(case);
            match setups.iter_mut().find(|(known, _)| *known == setup) {
                Some((_, members)) => members.push(index),
                None => setups.push((setup, vec![index])),
            }
        }
    }
    // Cases that share a setup stand together, so that a thread rarely needs another worker.
    let queue: Vec<(&Setup, usize)> =
        setups.iter().flat_map(|(setup, members)| members.iter().map(move |&index| (setup, index))).collect();

    let shared = Shared {
        plan: &every_rule,
        cases: &cases,
        queue: &queue,
        next: AtomicUsize::new(0),
        quiet: Quiet::default(),
        stop,
        listen,
        done: Mutex::new(Done { outcomes, ..Done::default() }),
    };
    threads(jobs.clamp(1, queue.len().max(1)))?.broadcast(|_| shared.work(plan.levels));
    let Done { outcomes, error, succeeded, .. } = shared.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let (Some(error), 0) = (error, succeeded) {
        return Err(error.into());
    }
    let interrupted = outcomes.contains(&Outcome::NotRun);
    let replayed =
        cases.into_iter().zip(outcomes).map(|((path, case), outcome)| Replayed { path, case, outcome }).collect();
    Ok(ReplaySummary { replayed, elapsed: started.elapsed(), interrupted })
}

struct Shared<'a> {
    plan: &'a Plan<'a>,
    cases: &'a [(PathBuf, Case)],
    queue: &'a [(&'a Setup, usize)],
    next: AtomicUsize,
    quiet: Quiet,
    stop: &'a Stop,
    listen: &'a (dyn Fn(Event) + Sync),
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    outcomes: Vec<Outcome>,
    sessions: u64,
    calls: u64,
    findings: usize,
    succeeded: u64,
    /// The first error of the runtime.
    error: Option<RuntimeError>,
}

impl Shared<'_> {
    fn work(&self, levels: &RuleLevels) {
        let mut bench: Option<(&Setup, Bench<'_>)> = None;
        while !self.stop.requested() {
            let Some(&(setup, index)) = self.queue.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            let case = &self.cases[index].1;
            if bench.as_ref().is_none_or(|(known, _)| *known != setup) {
                // The old worker goes before the new one comes.
                bench = None;
            }
            let examined = match &mut bench {
                Some((_, bench)) => examine(bench, case),
                None => Bench::start(self.plan, setup, &self.quiet).and_then(|started| {
                    let (_, bench) = bench.insert((setup, started));
                    examine(bench, case)
                }),
            };
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            match examined {
                Ok((trace, findings)) => {
                    done.succeeded += 1;
                    done.calls += trace.calls.len() as u64;
                    done.outcomes[index] = outcome(case, findings, levels);
                    let is_finding = !matches!(done.outcomes[index], Outcome::Silent | Outcome::Fixed);
                    done.findings += usize::from(is_finding);
                }
                Err(error) => {
                    // A worker that failed is not asked again.
                    bench = None;
                    done.outcomes[index] = Outcome::Broken(error.to_string());
                    done.error.get_or_insert(error);
                }
            }
            done.sessions += 1;
            (self.listen)(Event::Progress {
                sessions: done.sessions,
                of: Some(self.queue.len() as u64),
                calls: done.calls,
                findings: done.findings,
            });
        }
    }
}

/// `findings` are all that it shows, whatever the user wants of the rules.
fn outcome(case: &Case, findings: Vec<Finding>, levels: &RuleLevels) -> Outcome {
    let expected = case.found.as_ref();
    if let Some(found) = expected
        && let Some(finding) = findings.iter().find(|finding| finding.fingerprint.as_str() == found.fingerprint)
    {
        let still_there = levels.apply(finding.clone()).unwrap_or_else(|| finding.clone());
        return Outcome::StillThere(still_there);
    }
    let wanted: Vec<Finding> = findings.into_iter().filter_map(|finding| levels.apply(finding)).collect();
    // A warning can become another warning; beside an error that is gone it is nothing new.
    let bad = expected
        .and_then(|found| Rule::named(&found.rule))
        .map_or(Severity::Error, |rule| rule.severity().min(Severity::Error));
    let is_bad = wanted.iter().any(|finding| finding.severity >= bad);
    match (expected, is_bad) {
        (None, false) => Outcome::Silent,
        (None, true) => Outcome::Failed(wanted),
        (Some(_), false) => Outcome::Fixed,
        (Some(_), true) => Outcome::Became(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Session,
        contract::{Hook, Platform, PluginType},
        engine::{
            fake::{self, FakePlugin, How},
            plan::found,
        },
        trace::Ending,
    };

    fn case(port: u64, shows: Option<&str>) -> Case {
        let found = shows.map(|type_name| found(&fake::findings(&fake::trace_of(fake::raise(type_name)))[0]));
        Case {
            plugin_type: PluginType::CredentialStore,
            platform: Platform::newest(),
            configuration: None,
            session: fake::session(port),
            earlier: Vec::new(),
            found,
        }
    }

    fn outcomes(plugin: &FakePlugin, cases: Vec<Case>, jobs: usize) -> ReplaySummary {
        let cases = cases.into_iter().enumerate().map(|(index, case)| (format!("{index}.json").into(), case)).collect();
        plugin.with_plan(|plan| replay(plan, cases, jobs, &Stop::default(), &|_| {}).unwrap())
    }

    /// Raises what the port says, in the first hook.
    fn plugin() -> FakePlugin {
        FakePlugin::new(|call, _, _| match fake::port(call) {
            1 if call.hook == Hook::GetPasswordList => fake::raise("KeyError"),
            2 if call.hook == Hook::GetPasswordList => fake::raise("TypeError"),
            _ => fake::give(1),
        })
    }

    #[test]
    fn each_case_fares_as_its_finding_does() {
        let mut other_type = case(0, None);
        other_type.plugin_type = PluginType::Aa;
        let mut with_other = case(0, None);
        with_other.session.calls[0].other = true;
        let cases = vec![
            case(0, None),
            case(1, None),
            case(1, Some("KeyError")),
            case(2, Some("KeyError")),
            case(0, Some("KeyError")),
            other_type,
            with_other,
        ];
        for jobs in [1, 8] {
            let summary = outcomes(&plugin(), cases.clone(), jobs);
            let names = |findings: &[Finding]| {
                findings.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>().join(" ")
            };
            let told: Vec<String> = summary
                .replayed
                .iter()
                .map(|replayed| match &replayed.outcome {
                    Outcome::Failed(findings) => format!("failed: {}", names(findings)),
                    Outcome::Became(findings) => format!("became: {}", names(findings)),
                    Outcome::StillThere(finding) => format!("still there: {}", finding.message),
                    other => format!("{other:?}"),
                })
                .collect();
            assert_eq!(
                told,
                [
                    "Silent",
                    "failed: KeyError",
                    "still there: KeyError",
                    "became: TypeError",
                    "Fixed",
                    "OtherType",
                    "WantsOther"
                ]
            );
            assert!(summary.failed() && !summary.interrupted);
        }
        assert!(!outcomes(&plugin(), vec![case(0, None), case(1, Some("KeyError"))], 2).failed());
    }

    #[test]
    fn cases_run_on_their_own_platform_and_configuration_with_few_workers() {
        let mut old = case(0, None);
        old.platform = Platform::named("6.0").unwrap();
        let mut configured = case(0, None);
        configured.configuration = Some("[a]".into());
        let plugin = plugin();
        outcomes(&plugin, vec![case(0, None), old.clone(), configured.clone(), case(0, None), old.clone()], 1);
        let started = plugin.setups.lock().unwrap();
        assert_eq!(*started, [Setup::of(&case(0, None)), Setup::of(&old), Setup::of(&configured)]);
    }

    #[test]
    fn a_timeout_that_more_time_cures_is_no_failure() {
        let slow = FakePlugin::new(|_, _, how| match how {
            How::Patient(_) => fake::give(1),
            _ => Ending::TimedOut { limit: Duration::from_secs(2), frames: Vec::new() },
        });
        assert_eq!(outcomes(&slow, vec![case(0, None)], 1).replayed[0].outcome, Outcome::Silent);
    }

    #[test]
    fn a_leak_is_replayed_after_the_sessions_of_its_case() {
        let plugin = FakePlugin::new(|call, memory, _| {
            let count = memory.entry("count".into()).or_default();
            *count += i64::from(call.hook == Hook::GetPasswordList);
            fake::give(*count)
        });
        let single = |port: u64| Session::new(fake::session(port).calls[..1].to_vec());
        let mut leak = Case { session: single(0), earlier: vec![single(7)], ..case(0, None) };
        leak.found = plugin.with_plan(|plan| {
            let finding = plan.judge.state_leak(
                &(plan.subject)(&Setup::default()),
                &leak.session,
                &Default::default(),
                &Default::default(),
                &[],
            );
            finding.as_ref().map(found)
        });
        let gone = Case { earlier: Vec::new(), ..leak.clone() };
        let summary = outcomes(&plugin, vec![leak, gone], 1);
        assert!(
            matches!(&summary.replayed[0].outcome, Outcome::StillThere(finding) if finding.rule == Rule::StateLeak)
        );
        assert_eq!(summary.replayed[1].outcome, Outcome::Fixed);
    }

    #[test]
    fn what_was_not_reached_before_a_stop_is_told() {
        let stop = Stop::default();
        stop.request();
        let cases = vec![("0.json".into(), case(1, None))];
        let summary = plugin().with_plan(|plan| replay(plan, cases, 1, &stop, &|_| {}).unwrap());
        assert!(summary.interrupted && !summary.failed());
        assert_eq!(summary.replayed[0].outcome, Outcome::NotRun);
    }
}
