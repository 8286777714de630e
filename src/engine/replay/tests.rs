//! Replays of a plugin that a closure plays.

use std::time::Duration;

use super::*;
use crate::{
    case::{Case, Session},
    contract::{Hook, Platform, PluginType},
    engine::{
        Event, Setup, Stop,
        fake::{self, FakePlugin, How},
        plan::found,
    },
    finding::{Finding, Rule},
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

/// Raises in its first hook, depending on the port.
fn plugin() -> FakePlugin {
    FakePlugin::new(|call, _, _| match fake::port(call) {
        1 if call.hook == Hook::GetPasswordList => fake::raise("KeyError"),
        2 if call.hook == Hook::GetPasswordList => fake::raise("TypeError"),
        _ => fake::give(1),
    })
}

#[test]
fn each_case_has_the_outcome_of_its_finding() {
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
        let names =
            |findings: &[Finding]| findings.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>().join(" ");
        let shown: Vec<String> = summary
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
            shown,
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
        assert!(!summary.interrupted);
    }
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
fn a_timeout_that_does_not_show_with_a_longer_limit_is_no_failure() {
    let slow = FakePlugin::new(|_, _, how| match how {
        How::LongerLimit(_) => fake::give(1),
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
fn cases_that_a_stop_prevented_are_marked() {
    let stop = Stop::default();
    stop.request();
    let cases = vec![("0.json".into(), case(1, None))];
    let summary = plugin().with_plan(|plan| replay(plan, cases, 1, &stop, &|_| {}).unwrap());
    assert!(summary.interrupted);
    assert_eq!(summary.replayed[0].outcome, ReplayOutcome::NotRun);
}

#[test]
fn a_worker_that_breaks_costs_its_own_case_and_no_other() {
    let cases = || (0..20).map(|port| case(port, None)).collect();
    let plugin = || plugin().with_broken(|session| fake::port(&session.calls[0]) == 5);
    for jobs in [1, 3] {
        let summary = outcomes(&plugin(), cases(), jobs);
        for (port, replayed) in summary.replayed.iter().enumerate() {
            let is_right = match (&replayed.outcome, port) {
                (ReplayOutcome::CannotRun(reason), 5) => !reason.is_empty(),
                (ReplayOutcome::Failed(_), 1 | 2) => true,
                (outcome, _) => port != 5 && *outcome == ReplayOutcome::Silent,
            };
            assert!(is_right, "{jobs} jobs, port {port}: {:?}", replayed.outcome);
        }
    }
}

#[test]
fn a_stop_in_the_middle_leaves_out_the_last_cases() {
    let stop = Stop::default();
    let progress = |event| {
        if let Event::Progress { sessions: 5, .. } = event {
            stop.request();
        }
    };
    let cases = (0..100).map(|number| (format!("{number}.json").into(), case(1, None))).collect();
    let summary = plugin().with_plan(|plan| replay(plan, cases, 3, &stop, &progress).unwrap());
    assert!(summary.interrupted);
    let has_run = |replayed: &ReplayedCase| replayed.outcome != ReplayOutcome::NotRun;
    // Two other threads may have been at work.
    let ran = summary.replayed.iter().filter(|one| has_run(one)).count();
    assert!((5..=7).contains(&ran), "{ran} ran");
    assert!(!summary.replayed.iter().skip(8).any(has_run), "{:?}", summary.replayed);
    let ran = summary.replayed.iter().filter(|one| has_run(one));
    assert!(ran.clone().all(|one| matches!(one.outcome, ReplayOutcome::Failed(_))));
}
