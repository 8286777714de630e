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
        EngineError, Event, Plan, Setup, Stop, exclusive_run::ExclusiveRun, reproducer::Reproducer, run_case::examine,
        threads::in_threads,
    },
    finding::{Finding, Rule, RuleLevels, Severity},
    runtime::RuntimeError,
};

/// How a case fared.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayOutcome {
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
    CannotRun(String),
    /// Somebody asked to stop before its turn.
    NotRun,
}

/// A case, and how it fared.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayedCase {
    /// The case's file.
    pub path: PathBuf,
    /// The case.
    pub case: Case,
    /// How it fared.
    pub outcome: ReplayOutcome,
}

/// What a replay did.
#[derive(Clone, Debug, Default)]
pub struct ReplaySummary {
    /// Every case, in the order in which they were given.
    pub replayed: Vec<ReplayedCase>,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether it was asked to stop before its end.
    pub interrupted: bool,
}

impl ReplaySummary {
    /// Whether something is worse than the corpus says: a regression, a defect that became another, or a case that cannot
    /// be run. Defects that are known and still there are no news.
    pub fn failed(&self) -> bool {
        self.replayed.iter().any(|replayed| {
            matches!(
                replayed.outcome,
                ReplayOutcome::Failed(_) | ReplayOutcome::Became(_) | ReplayOutcome::CannotRun(_)
            )
        })
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
    let mut outcomes: Vec<ReplayOutcome> = Vec::with_capacity(cases.len());
    let mut setups: Vec<(Setup, Vec<usize>)> = Vec::new();
    for (index, (_, case)) in cases.iter().enumerate() {
        outcomes.push(match () {
            () if case.plugin_type != plugin_type => ReplayOutcome::OtherType,
            () if plan.lacks_other(case) => ReplayOutcome::WantsOther,
            () => ReplayOutcome::NotRun,
        });
        if outcomes[index] == ReplayOutcome::NotRun {
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

    let shared = ReplayRun {
        plan: &every_rule,
        cases: &cases,
        queue: &queue,
        next: AtomicUsize::new(0),
        exclusive: ExclusiveRun::default(),
        stop,
        listen,
        done: Mutex::new(Done { outcomes, ..Done::default() }),
    };
    in_threads(jobs.clamp(1, queue.len().max(1)), || shared.work(plan.levels))?;
    let Done { outcomes, error, succeeded, .. } = shared.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let (Some(error), 0) = (error, succeeded) {
        return Err(error.into());
    }
    let interrupted = outcomes.contains(&ReplayOutcome::NotRun);
    let replayed =
        cases.into_iter().zip(outcomes).map(|((path, case), outcome)| ReplayedCase { path, case, outcome }).collect();
    Ok(ReplaySummary { replayed, elapsed: started.elapsed(), interrupted })
}

struct ReplayRun<'a> {
    plan: &'a Plan<'a>,
    cases: &'a [(PathBuf, Case)],
    queue: &'a [(&'a Setup, usize)],
    next: AtomicUsize,
    exclusive: ExclusiveRun,
    stop: &'a Stop,
    listen: &'a (dyn Fn(Event) + Sync),
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    outcomes: Vec<ReplayOutcome>,
    sessions: u64,
    calls: u64,
    findings: usize,
    succeeded: u64,
    /// The first error of the runtime.
    error: Option<RuntimeError>,
}

impl ReplayRun<'_> {
    fn work(&self, levels: &RuleLevels) {
        let mut reproducer: Option<(&Setup, Reproducer<'_>)> = None;
        while !self.stop.requested() {
            let Some(&(setup, index)) = self.queue.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            let case = &self.cases[index].1;
            if reproducer.as_ref().is_none_or(|(known, _)| *known != setup) {
                // The old worker goes before the new one comes.
                reproducer = None;
            }
            let examined = match &mut reproducer {
                Some((_, reproducer)) => examine(reproducer, case),
                None => Reproducer::start(self.plan, setup, &self.exclusive).and_then(|started| {
                    let (_, reproducer) = reproducer.insert((setup, started));
                    examine(reproducer, case)
                }),
            };
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            match examined {
                Ok((trace, findings)) => {
                    done.succeeded += 1;
                    done.calls += trace.calls.len() as u64;
                    done.outcomes[index] = outcome(case, findings, levels);
                    let is_finding = !matches!(done.outcomes[index], ReplayOutcome::Silent | ReplayOutcome::Fixed);
                    done.findings += usize::from(is_finding);
                }
                Err(error) => {
                    // A worker that failed is not asked again.
                    reproducer = None;
                    done.outcomes[index] = ReplayOutcome::CannotRun(error.to_string());
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
fn outcome(case: &Case, findings: Vec<Finding>, levels: &RuleLevels) -> ReplayOutcome {
    let expected = case.found.as_ref();
    if let Some(found) = expected
        && let Some(finding) = findings.iter().find(|finding| finding.fingerprint.as_str() == found.fingerprint)
    {
        let still_there = levels.apply(finding.clone()).unwrap_or_else(|| finding.clone());
        return ReplayOutcome::StillThere(still_there);
    }
    let wanted: Vec<Finding> = findings.into_iter().filter_map(|finding| levels.apply(finding)).collect();
    // A warning can become another warning; beside an error that is gone it is nothing new.
    let bad = expected
        .and_then(|found| Rule::named(&found.rule))
        .map_or(Severity::Error, |rule| rule.severity().min(Severity::Error));
    let is_bad = wanted.iter().any(|finding| finding.severity >= bad);
    match (expected, is_bad) {
        (None, false) => ReplayOutcome::Silent,
        (None, true) => ReplayOutcome::Failed(wanted),
        (Some(_), false) => ReplayOutcome::Fixed,
        (Some(_), true) => ReplayOutcome::Became(wanted),
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
                    ReplayOutcome::Failed(findings) => format!("failed: {}", names(findings)),
                    ReplayOutcome::Became(findings) => format!("became: {}", names(findings)),
                    ReplayOutcome::StillThere(finding) => format!("still there: {}", finding.message),
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
        assert_eq!(outcomes(&slow, vec![case(0, None)], 1).replayed[0].outcome, ReplayOutcome::Silent);
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
            matches!(&summary.replayed[0].outcome, ReplayOutcome::StillThere(finding) if finding.rule == Rule::StateLeak)
        );
        assert_eq!(summary.replayed[1].outcome, ReplayOutcome::Fixed);
    }

    #[test]
    fn what_was_not_reached_before_a_stop_is_told() {
        let stop = Stop::default();
        stop.request();
        let cases = vec![("0.json".into(), case(1, None))];
        let summary = plugin().with_plan(|plan| replay(plan, cases, 1, &stop, &|_| {}).unwrap());
        assert!(summary.interrupted && !summary.failed());
        assert_eq!(summary.replayed[0].outcome, ReplayOutcome::NotRun);
    }
}
