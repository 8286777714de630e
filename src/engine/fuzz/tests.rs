//! Fuzzing of plugins that closures play: what it learns, what it keeps, when it ends.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{run::fuzz_by, *};
use crate::{
    case::{Case, Session, Value},
    contract::Hook,
    corpus::{Corpus, remote},
    engine::{
        Event, Stop, Summary,
        fake::{self, FakePlugin, give, port, raise, raised},
    },
    finding::Rule,
    trace::{CmpKind, CmpLogEntry, Edge, Ending},
};

fn settings(folder: &Path, runs: Option<u64>, jobs: usize) -> FuzzSettings {
    let corpus = Corpus::open(folder).unwrap();
    FuzzSettings { runs, time: None, quiet: None, seed: 1, jobs, corpus, options: false, others: None }
}

fn run_in(folder: &Path, plugin: &FakePlugin, runs: u64, jobs: usize) -> Summary {
    plugin.with_plan(|plan| fuzz(plan, &settings(folder, Some(runs), jobs), &Stop::default(), &|_| {}).unwrap())
}

fn run(plugin: &FakePlugin, runs: u64) -> Summary {
    run_in(tempfile::tempdir().unwrap().path(), plugin, runs, 1)
}

fn learned(summary: &Summary) -> &FuzzStats {
    summary.fuzz.as_ref().unwrap()
}

fn seeds(folder: &Path) -> Vec<Case> {
    let entries = Corpus::open(folder).unwrap().seeds().read_all().unwrap();
    entries.into_iter().map(|(_, case)| case.unwrap()).collect()
}

const DOORS: [i64; 3] = [7_654_321, 1_234_567, 9_876_543];

/// Three doors, one behind the other, each in another call.
fn doors(session: &Session, has_comparisons: bool) -> (Vec<Edge>, Vec<CmpLogEntry>) {
    let mut edges = vec![Edge { number: 0, bucket: 0 }];
    let mut comparisons = Vec::new();
    for ((call, door), number) in session.calls.iter().zip(DOORS).zip(1..) {
        let matched = port(call) == door;
        let (left, right) = (Value::Int(port(call)), Value::Int(door));
        comparisons.push(CmpLogEntry { place: number, kind: CmpKind::Equal, left, right, matched });
        if !matched {
            break;
        }
        edges.push(Edge { number, bucket: 0 });
    }
    (edges, if has_comparisons { comparisons } else { Vec::new() })
}

#[test]
fn nested_conditions_are_solved_with_comparisons_and_not_without() {
    let opened = |has_comparisons| {
        let plugin =
            FakePlugin::new(|_, _, _| give(1)).with_instrumented(move |session| doors(session, has_comparisons));
        learned(&run(&plugin, 500)).edges - 1
    };
    assert_eq!((opened(true), opened(false)), (3, 0));
}

#[test]
fn what_comparisons_suggest_runs_before_the_rest_of_the_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = FakePlugin::new(|_, _, _| give(1)).with_instrumented(|session| doors(session, true));
    plugin.with_plan(|plan| {
        let corpus = Corpus::open(folder.path()).unwrap().seeds();
        for number in 0..300 {
            corpus.write(&plan.bare_case(&[], &fake::session(5000 + number))).unwrap();
        }
    });
    // 32 nominal sessions, then what they suggest, in turn with batches of the corpus.
    assert_eq!(learned(&run_in(folder.path(), &plugin, 32 + 64 * 6, 1)).edges, 4);
}

#[test]
fn cases_of_another_host_run_here_and_are_mutated() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plugin = FakePlugin::new(|_, _, _| give(1)).with_instrumented(|session| doors(session, false));
    let summary = plugin.with_plan(|plan| {
        let mut session = fake::session(1);
        for (call, door) in session.calls.iter_mut().zip(DOORS) {
            call.arguments[0].1 = Value::Int(door);
        }
        let theirs = Corpus::open(copy.path()).unwrap().write(&plan.bare_case(&[], &session)).unwrap();
        let others = Arc::new(remote::SharedCorpus::default());
        others.add_received(&copy.path().join("gone by now.json"));
        others.add_received(&theirs);
        let settings = FuzzSettings { others: Some(others), ..settings(folder.path(), Some(1000), 1) };
        fuzz(plan, &settings, &Stop::default(), &|_| {}).unwrap()
    });
    assert_eq!(learned(&summary).edges, 4, "without comparisons this host alone opens no door, see above");
    let all_open = |case: &Case| case.session.calls.iter().map(port).eq(DOORS);
    assert!(!seeds(folder.path()).iter().any(all_open), "a case that came from the corpus is not written again");
}

/// Breaks in several ways, also behind a door.
fn messy() -> FakePlugin {
    let play = |call: &crate::case::Call, memory: &mut fake::Memory, _| {
        let port = port(call);
        if port % 97 == 0 {
            memory.insert("CACHE".into(), port);
        }
        match call.hook {
            Hook::GetPasswordList if port == DOORS[0] => raise("Behind"),
            Hook::GetPasswordList if port % 11 == 0 => raise("Often"),
            Hook::SessionEnded if memory.contains_key("CACHE") => raise("Cached"),
            _ => give(port),
        }
    };
    FakePlugin::new(play).with_instrumented(|session| doors(session, true))
}

#[test]
fn the_same_seed_and_number_of_runs_give_the_same_testcases_and_findings() {
    let outcome = || {
        let folder = tempfile::tempdir().unwrap();
        let events = Mutex::new(Vec::new());
        let summary = messy().with_plan(|plan| {
            let listen = |event| match event {
                Event::NewCoverage(covered) => events.lock().unwrap().push(format!("{} edges", covered.edges)),
                Event::Found(reported) => events.lock().unwrap().push(reported.finding.fingerprint.to_string()),
                _ => {}
            };
            fuzz(plan, &settings(folder.path(), Some(3000), 1), &Stop::default(), &listen).unwrap()
        });
        let reported: Vec<_> = summary
            .reported
            .iter()
            .map(|reported| (reported.finding.clone(), reported.occurrences, reported.case.clone()))
            .collect();
        let learned = FuzzStats { last_edge: None, ..learned(&summary).clone() };
        (summary.sessions, summary.calls, learned, reported, seeds(folder.path()), events.into_inner().unwrap())
    };
    let first = outcome();
    assert_eq!(first.0, 3000);
    assert!(first.3.iter().any(|(finding, ..)| finding.fingerprint == raised(Hook::GetPasswordList, "Behind")));
    assert!(first.3.iter().any(|(finding, ..)| finding.rule == Rule::StateLeak), "{:?}", first.3);
    assert_eq!(outcome(), first);
}

#[test]
fn threads_share_what_they_learn() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let summary = messy().with_plan(|plan| {
        let listen = |event| match event {
            Event::Found(found) if found.finding.message == "Behind" => stop.request(),
            _ => {}
        };
        fuzz(plan, &settings(folder.path(), Some(2_000_000), 3), &stop, &listen).unwrap()
    });
    let found: Vec<_> = summary.reported.iter().map(|reported| &*reported.finding.message).collect();
    assert!(["Behind", "Often"].iter().all(|name| found.contains(name)), "{found:?}");
    for reported in &summary.reported {
        let case = crate::corpus::read_case(reported.case_path.as_ref().unwrap()).unwrap();
        assert_eq!(Some(&case), reported.case.as_ref());
    }
}

#[test]
fn any_number_of_threads_runs_as_many_sessions() {
    let summary = run_in(tempfile::tempdir().unwrap().path(), &messy(), 5001, 3);
    assert_eq!((summary.sessions, learned(&summary).ended, summary.interrupted), (5001, EndReason::Runs, false));
}

#[test]
fn fuzzing_goes_on_from_what_an_earlier_run_learned() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = FakePlugin::new(|_, _, _| give(1)).with_instrumented(|session| doors(session, true));
    let first = run_in(folder.path(), &plugin, 1000, 1);
    assert_eq!((learned(&first).edges, learned(&first).entries_new), (4, seeds(folder.path()).len()));
    assert!(Corpus::open(folder.path()).unwrap().read_all().unwrap().is_empty(), "a seed is no regression test");

    let blind = FakePlugin::new(|_, _, _| give(1)).with_instrumented(|session| doors(session, false));
    let second = run_in(folder.path(), &blind, 100, 1);
    assert_eq!((learned(&second).edges, learned(&second).entries_new), (4, 0));
}

#[test]
fn files_of_the_corpus_that_cannot_be_used_are_left_out_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("seeds")).unwrap();
    std::fs::write(folder.path().join("seeds/broken.json"), "{").unwrap();
    let plugin = FakePlugin::new(|_, _, _| give(1));
    plugin.with_plan(|plan| {
        let mut case = plan.bare_case(&[], &fake::session(1));
        case.platform = crate::contract::Platform::named("5.10").unwrap();
        Corpus::open(folder.path()).unwrap().seeds().write(&case).unwrap();
    });
    let notes = run_in(folder.path(), &plugin, 40, 1).notes;
    assert!(notes[0].contains("cannot be read: 1") && notes[0].contains("broken.json"), "{notes:?}");
    assert!(notes[1].contains("another platform") && notes[1].ends_with(": 1"), "{notes:?}");
    assert!(notes[2].contains("could be instrumented"), "{notes:?}");
}

#[test]
fn a_crash_that_repeats_becomes_no_testcase() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = FakePlugin::new(|call, _, _| if port(call) % 2 == 0 { raise("E") } else { give(port(call)) })
        .with_instrumented(|session| {
            (vec![Edge { number: port(&session.calls[0]) as u32 % 3, bucket: 0 }], Vec::new())
        });
    let summary = run_in(folder.path(), &plugin, 2000, 1);
    let is_aborted = |case: &Case| case.session.calls.iter().any(|call| port(call) % 2 == 0);
    let aborted = seeds(folder.path()).iter().filter(|case| is_aborted(case)).count();
    assert!(aborted <= 3, "{aborted}: at most one for each edge");
    assert!(summary.reported.iter().all(|reported| reported.occurrences > 100));
}

#[test]
fn a_session_that_timed_out_becomes_no_testcase() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = FakePlugin::new(|call, _, _| {
        if port(call) < 1000 || port(call) > 1031 {
            Ending::TimedOut { limit: Duration::from_secs(2), frames: Vec::new() }
        } else {
            give(1)
        }
    })
    .with_instrumented(|session| {
        (vec![Edge { number: port(&session.calls[0]) as u32 & 0xffff, bucket: 0 }], Vec::new())
    });
    run_in(folder.path(), &plugin, 500, 1);
    let late = |case: &Case| case.session.calls.iter().any(|call| !(1000..=1031).contains(&port(call)));
    assert!(!seeds(folder.path()).iter().any(late));
}

/// Fuzzes with a clock that goes on by a second each time it is read.
fn run_by_clock(time: Option<u64>, quiet: Option<u64>) -> Summary {
    let folder = tempfile::tempdir().unwrap();
    let reads = AtomicU32::new(0);
    let clock = || Duration::from_secs(reads.fetch_add(1, Ordering::Relaxed).into());
    let settings = FuzzSettings {
        time: time.map(Duration::from_secs),
        quiet: quiet.map(Duration::from_secs),
        ..settings(folder.path(), None, 1)
    };
    let plugin = FakePlugin::new(|_, _, _| give(1)).with_instrumented(|session| doors(session, true));
    plugin.with_plan(|plan| fuzz_by(plan, &settings, &Stop::default(), &|_| {}, &clock).unwrap())
}

#[test]
fn the_end_of_the_time_is_no_interruption() {
    let summary = run_by_clock(Some(100), None);
    assert_eq!((learned(&summary).ended, summary.interrupted), (EndReason::Time, false));
    assert!(summary.sessions > 0);
}

#[test]
fn quiet_ends_fuzzing_only_after_the_last_new_coverage() {
    let summary = run_by_clock(None, Some(60));
    let learned = learned(&summary);
    assert_eq!((learned.ended, learned.edges), (EndReason::Quiet, 4));
    assert!(summary.elapsed >= learned.last_edge.unwrap() + Duration::from_secs(60));
    assert!(!summary.interrupted);
}

#[test]
fn a_stop_interrupts_only_a_run_with_an_end() {
    let interrupted = |runs| {
        let folder = tempfile::tempdir().unwrap();
        let stop = Stop::default();
        let summary = messy().with_plan(|plan| {
            let listen = |event| {
                if matches!(event, Event::Found(_)) {
                    stop.request();
                }
            };
            fuzz(plan, &settings(folder.path(), runs, 2), &stop, &listen).unwrap()
        });
        assert_eq!(learned(&summary).ended, EndReason::Asked);
        assert!(!summary.reported.is_empty());
        summary.interrupted
    };
    assert!(interrupted(Some(1_000_000)));
    assert!(!interrupted(None));
}
