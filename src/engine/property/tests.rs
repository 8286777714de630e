//! Property runs of plugins that closures play.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{run::never_reached, *};
use crate::{
    case::{Session, Value},
    contract::Hook,
    corpus::{Corpus, read_case},
    engine::{
        EngineError, Event, Plan, SessionShrinker, SessionSource, Setup, Stop, Summary,
        fake::{self, FakePlugin, FakeSource, How, fragile, give, port, raise, raised},
    },
    finding::{Fingerprint, Rule},
    runtime::RuntimeError,
    trace::{Ending, Frame, Observed, Origin},
};

fn run_in(folder: &Path, plugin: &FakePlugin, runs: u64, jobs: usize) -> Summary {
    let corpus = Corpus::open(folder).unwrap();
    let settings = PropertySettings { runs, seed: 1, jobs, partition: None, corpus };
    plugin.with_plan(|plan| property(plan, &settings, &Stop::default(), &|_| {}).unwrap())
}

fn run(plugin: &FakePlugin, runs: u64) -> Summary {
    run_in(tempfile::tempdir().unwrap().path(), plugin, runs, 2)
}

fn reported(summary: &Summary) -> Vec<(Rule, u64)> {
    summary.reported.iter().map(|reported| (reported.finding.rule, reported.occurrences)).collect()
}

/// Breaks in several ways, and keeps state: one name that is noticed, and one that is not.
fn messy() -> FakePlugin {
    FakePlugin::new(|call, memory, how| {
        let port = port(call);
        if port % 7 == 0 {
            memory.insert("CACHE".into(), port);
        }
        memory.insert(".hidden".into(), port);
        match call.hook {
            Hook::GetPasswordList if port % 11 == 0 => raise(&format!("E{}", port % 5)),
            Hook::GetPasswordList if port % 13 == 0 && how == How::Persistent => raise("OnlyFast"),
            Hook::SessionEnded if memory.contains_key("CACHE") => raise("Cached"),
            Hook::SessionEnded if port == 100_777 => raise("Rare"),
            _ => give(port),
        }
    })
}

#[test]
fn any_number_of_threads_finds_the_same_and_writes_the_same() {
    let outcome = |jobs| {
        let folder = tempfile::tempdir().unwrap();
        let summary = run_in(folder.path(), &messy(), 2000, jobs);
        let reported: Vec<_> = summary
            .reported
            .iter()
            .map(|reported| {
                let file = reported.case_path.as_ref().unwrap().strip_prefix(folder.path()).unwrap().to_owned();
                (reported.finding.clone(), reported.occurrences, reported.case.clone(), file, reported.group)
            })
            .collect();
        let files: Vec<_> = Corpus::open(folder.path())
            .unwrap()
            .read_all()
            .unwrap()
            .into_iter()
            .map(|(path, case)| (path.strip_prefix(folder.path()).unwrap().to_owned(), case.unwrap()))
            .collect();
        (summary.sessions, summary.calls, summary.unconfirmed, reported, files)
    };
    let alone = outcome(1);
    assert!(alone.3.len() >= 6, "{:?}", alone.3);
    assert_eq!(alone.3.len(), alone.4.len());
    assert_eq!(outcome(8), alone);
}

#[test]
fn what_does_not_reproduce_in_a_fresh_process_is_counted_and_not_reported() {
    let summary = run(
        &FakePlugin::new(|call, _, how| match how {
            How::Persistent if call.hook == Hook::SessionEnded && port(call) == 100_001 => raise("Ghost"),
            _ => give(1),
        }),
        200,
    );
    // The persistent process differs from fresh ones each time, so this is a leak.
    assert_eq!(reported(&summary), [(Rule::StateLeak, 1)]);

    let once = AtomicU32::new(0);
    let summary = run(
        &FakePlugin::new(move |call, _, _| {
            let first = port(call) == 100_001 && once.fetch_add(1, Ordering::Relaxed) == 0;
            if first { raise("Once") } else { give(1) }
        }),
        200,
    );
    assert_eq!(reported(&summary), []);
    assert_eq!(summary.unconfirmed, 1);
}

#[test]
fn a_plugin_that_no_session_reaches_is_no_silent_success() {
    let own = fake::session(3);
    let mut calls = own.calls.clone();
    calls[0].other = true;
    calls[0].hook = Hook::Authorize;
    let both = Session::new(calls);
    let first = both.calls[1].hook;
    assert_eq!(never_reached(&both, &BTreeSet::from([Hook::SessionEnded])), Some(first));
    assert_eq!(never_reached(&both, &BTreeSet::from([first])), None);
    assert_eq!(never_reached(&own, &BTreeSet::new()), None);
}

#[test]
fn occurrences_count_sessions() {
    let summary = run(&FakePlugin::new(|call, _, _| if port(call) % 10 == 3 { raise("E") } else { give(1) }), 132);
    // Ports 1000 to 1031 and 100000 to 100099, in each of three hooks.
    assert_eq!(reported(&summary), [(Rule::UncaughtException, 13); 3]);
    assert_eq!((summary.sessions, summary.calls), (132, 396));
    assert!(!summary.interrupted);
}

#[test]
fn what_fails_in_every_nominal_session_is_marked_and_comes_first() {
    let plugin = FakePlugin::new(|call, _, _| match call.hook {
        Hook::SessionEnded => raise("NoConfiguration"),
        Hook::GetPasswordList if port(call) < 1031 => raise("Often"),
        _ => give(1),
    });
    let summary = run(&plugin, 300);
    let marks: Vec<_> =
        summary.reported.iter().map(|reported| (reported.finding.hook.unwrap(), reported.every_session)).collect();
    assert_eq!(marks, [(Hook::SessionEnded, true), (Hook::GetPasswordList, false)]);
    assert_eq!(summary.sessions, 300);
}

/// A plugin whose first hook returns `result`, and whose last hook calls `last` with the cookie.
fn with_cookie(result: Ending, last: impl Fn(&Value) -> Ending + Send + Sync + 'static) -> FakePlugin {
    let plugin = FakePlugin::new(move |call, _, _| match call.hook {
        Hook::GetPasswordList => result.clone(),
        Hook::SessionEnded => raise("Unused"),
        _ => give(1),
    });
    plugin.with_cookies(move |call, cookie| (call.hook == Hook::SessionEnded).then(|| last(cookie)))
}

fn cookie(value: Observed) -> Ending {
    let text = |text: &str| Observed::Str(text.into());
    Ending::Returned(Observed::Dict(vec![(
        text("cookie"),
        Observed::Dict(vec![(text("account"), text("a")), (text("tags"), value)]),
    )]))
}

fn needs_account(cookie: &Value) -> Ending {
    if cookie.get("account").is_some() { give(1) } else { raise("KeyError") }
}

/// The messages of the findings, and for each the message of the one from which it follows.
fn followed(summary: &Summary) -> Vec<(String, Option<String>)> {
    let message = |fingerprint: &Fingerprint| {
        let one = summary.reported.iter().find(|one| one.finding.fingerprint == *fingerprint);
        one.unwrap().finding.message.clone()
    };
    let all = summary.reported.iter();
    all.map(|one| (one.finding.message.clone(), one.follows.as_ref().map(message))).collect()
}

#[test]
fn an_exception_for_want_of_a_cookie_that_json_refused_follows_from_that() {
    let set = Observed::Set(vec![Observed::Int(1)]);
    let summary = run(&with_cookie(cookie(set.clone()), needs_account), 100);
    assert_eq!(
        followed(&summary),
        [("not-json".to_owned(), None), ("KeyError".to_owned(), Some("not-json".to_owned()))]
    );
    assert_eq!(summary.reported[0].group, summary.reported[1].group);

    // It fails with the cookie, too, so the cookie is not the cause.
    let summary = run(&with_cookie(cookie(set), |_| raise("ZeroDivisionError")), 100);
    assert_eq!(followed(&summary).iter().filter(|(_, cause)| cause.is_some()).count(), 0, "{:?}", followed(&summary));
    assert_ne!(summary.reported[0].group, summary.reported[1].group);
}

#[test]
fn an_exception_for_want_of_a_cookie_that_an_exception_prevented_follows_from_that() {
    let summary = run(&with_cookie(raise("ValueError"), needs_account), 100);
    assert_eq!(
        followed(&summary),
        [("ValueError".to_owned(), None), ("KeyError".to_owned(), Some("ValueError".to_owned()))]
    );
    let summary = run(&with_cookie(raise("ValueError"), |_| raise("KeyError")), 100);
    assert!(followed(&summary).iter().all(|(_, cause)| cause.is_none()), "{:?}", followed(&summary));
}

#[test]
fn a_case_is_as_small_as_it_can_be() {
    let summary = run(
        &FakePlugin::new(|call, _, _| {
            if call.hook == Hook::GetPrivateKeyList && port(call) > 100_000 { raise("E") } else { give(1) }
        }),
        100,
    );
    let [reported] = &summary.reported[..] else { panic!("{:?}", summary.reported) };
    let [call] = &reported.case.as_ref().unwrap().session.calls[..] else { panic!("{reported:?}") };
    assert_eq!((call.hook, call.arguments.len()), (Hook::GetPrivateKeyList, 1));
    assert_eq!(reported.call.as_ref().unwrap().ending, raise("E"));
}

#[test]
fn state_that_changes_and_changes_results_is_a_leak_with_its_earlier_session() {
    let summary = run(
        &FakePlugin::new(|call, memory, _| {
            if call.hook != Hook::GetPasswordList {
                return give(0);
            }
            let count = memory.entry("COUNT".into()).or_default();
            *count += 1;
            give(*count)
        }),
        100,
    );
    let [reported] = &summary.reported[..] else { panic!("{:?}", summary.reported) };
    assert_eq!(reported.finding.rule, Rule::StateLeak);
    let case = reported.case.as_ref().unwrap();
    assert_eq!(case.earlier.len(), 1);
    assert_eq!((case.session.calls.len(), case.earlier[0].calls.len()), (1, 1));
}

#[test]
fn state_that_changes_and_changes_nothing_is_silent() {
    let summary = run(
        &FakePlugin::new(|call, memory, _| {
            memory.insert("LAST".into(), port(call));
            give(1)
        }),
        200,
    );
    assert_eq!((reported(&summary), summary.unconfirmed), (vec![], 0));
}

#[test]
fn chance_is_nondeterministic_and_no_leak() {
    let count = AtomicU64::new(0);
    let summary = run(
        &FakePlugin::new(move |call, memory, _| {
            memory.insert("TOKEN".into(), port(call));
            give(count.fetch_add(1, Ordering::Relaxed) as i64)
        }),
        100,
    );
    assert!(!summary.reported.is_empty());
    assert!(reported(&summary).iter().all(|(rule, _)| *rule == Rule::Nondeterministic), "{:?}", reported(&summary));
}

#[test]
fn a_timeout_is_reported_only_if_the_call_also_exceeds_five_times_the_limit() {
    let plugin = FakePlugin::new(|call, _, how| {
        let limit = if let How::LongerLimit(limit) = how { limit } else { Duration::from_secs(2) };
        let needs = match call.hook {
            Hook::GetPasswordList => Duration::from_secs(5),
            Hook::GetPrivateKeyList => Duration::from_secs(100),
            _ => Duration::ZERO,
        };
        if needs > limit { Ending::TimedOut { limit, frames: Vec::new() } } else { give(1) }
    });
    let summary = run(&plugin, 40);
    let found: Vec<_> =
        summary.reported.iter().map(|reported| (reported.finding.rule, reported.finding.hook)).collect();
    assert_eq!(found, [(Rule::Timeout, Some(Hook::GetPrivateKeyList))]);
    let limits: Vec<How> = plugin.log.lock().unwrap().clone();
    assert!(limits.contains(&How::LongerLimit(Duration::from_secs(10))));
    // Each costs its limit, so shrinking uses few.
    assert!(limits.iter().filter(|how| matches!(how, How::LongerLimit(_))).count() < 10);
}

#[test]
fn a_stopped_run_reports_what_it_found_until_then() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let settings = PropertySettings {
        runs: 1_000_000,
        seed: 1,
        jobs: 2,
        partition: None,
        corpus: Corpus::open(folder.path()).unwrap(),
    };
    let plugin = FakePlugin::new(|call, _, _| if port(call) == 100_005 { raise("E") } else { give(1) });
    let summary = plugin.with_plan(|plan| {
        let listen = |event| {
            if matches!(event, Event::Found(_)) {
                stop.request();
            }
        };
        property(plan, &settings, &stop, &listen).unwrap()
    });
    assert!(summary.interrupted && summary.sessions < 1_000_000);
    assert_eq!(summary.reported.len(), 3);
}

#[test]
fn a_finding_is_on_disk_before_it_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = Corpus::open(folder.path()).unwrap();
    let settings = PropertySettings { runs: 200, seed: 1, jobs: 2, partition: None, corpus };
    let found = Mutex::new(Vec::<Fingerprint>::new());
    messy().with_plan(|plan| {
        let listen = |event| {
            if let Event::Found(reported) = event {
                let case = read_case(reported.case_path.as_ref().unwrap()).unwrap();
                assert_eq!(Some(case), reported.case);
                found.lock().unwrap().push(reported.finding.fingerprint);
            }
        };
        property(plan, &settings, &Stop::default(), &listen).unwrap()
    });
    let mut found = found.into_inner().unwrap();
    let all = found.len();
    found.sort();
    found.dedup();
    assert!(all > 0 && found.len() == all, "each is reported once");
}

#[test]
fn an_example_without_a_foreign_cookie_replaces_one_with() {
    let mut plugin = FakePlugin::new(|call, _, _| if port(call) >= 100_000 { raise("E") } else { give(1) });
    plugin.source.foreign_every = 2;
    let summary = run(&plugin, 40);
    assert!(summary.reported.iter().all(|reported| !reported.finding.foreign_cookie));
    assert!(summary.reported.iter().all(|reported| !reported.case.as_ref().unwrap().session.has_foreign_cookie()));
}

#[test]
fn an_older_smaller_case_is_reported_only_if_it_still_shows_the_finding() {
    let plugin = FakePlugin::new(|call, _, _| {
        if call.hook == Hook::SessionEnded && (100_000..200_000).contains(&port(call)) { raise("E") } else { give(1) }
    });
    let folder = tempfile::tempdir().unwrap();
    let first = run_in(folder.path(), &plugin, 40, 1);
    let case = first.reported[0].case.clone().unwrap();
    let path = first.reported[0].case_path.clone().unwrap();
    assert_eq!(path, folder.path().join(format!("{}.json", raised(Hook::SessionEnded, "E"))));

    let stale = crate::case::Case { session: Session::new(Vec::new()), ..case.clone() };
    std::fs::write(&path, stale.to_json()).unwrap();
    let second = run_in(folder.path(), &plugin, 40, 1);
    assert_eq!(second.reported[0].case, Some(case.clone()));
    assert_ne!(second.reported[0].case_path, Some(path.clone()));
    assert_eq!(read_case(&path).unwrap(), stale);

    let mut other = case.clone();
    other.session.calls[0].arguments[0].1 = Value::Int(100_009);
    std::fs::write(&path, other.to_json().replace("  \"message\": \"E\"", "  \"message\": \"\"")).unwrap();
    let third = run_in(folder.path(), &plugin, 40, 1);
    assert_eq!(third.reported[0].case_path, Some(path.clone()));
    assert_eq!(third.reported[0].case.as_ref(), read_case(&path).ok().as_ref());
    assert_eq!(fake::port(&third.reported[0].case.as_ref().unwrap().session.calls[0]), 100_009);
}

#[test]
fn a_corpus_that_cannot_be_written_ends_the_run_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = Corpus::open(folder.path().join("corpus")).unwrap();
    // The file appears after the checks before the run and before the first finding.
    std::fs::write(folder.path().join("corpus"), "").unwrap();
    let settings = PropertySettings { runs: 100_000, seed: 1, jobs: 4, partition: None, corpus };
    let summary = messy().with_plan(|plan| property(plan, &settings, &Stop::default(), &|_| {}).unwrap());
    assert!(summary.interrupted && summary.sessions < 100_000, "it ends early");
    assert!(summary.unwritten.as_ref().is_some_and(|error| error.to_string().contains("/corpus")), "{summary:?}");
    // Findings that could not be written are reported nevertheless.
    assert!(!summary.reported.is_empty() && summary.reported.iter().all(|one| one.case_path.is_none()));
}

/// Counts the cases that are on disk when shrinking begins.
struct Watching<'a> {
    folder: &'a Path,
    seen: AtomicU32,
}

impl SessionSource for Watching<'_> {
    fn nominal(&self, index: u64) -> Session {
        fake::session(1000 + index)
    }

    fn generated(&self, _seed: u64, index: u64) -> Session {
        fake::session(index)
    }

    fn shrinker(&self, session: &Session) -> Box<dyn SessionShrinker> {
        let cases = Corpus::open(self.folder).unwrap().read_all().unwrap();
        let is_there = cases.iter().any(|(_, case)| case.as_ref().is_ok_and(|case| case.session == *session));
        self.seen.fetch_add(u32::from(is_there), Ordering::Relaxed);
        FakeSource::default().shrinker(session)
    }
}

#[test]
fn a_finding_is_on_disk_before_it_is_shrunk() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = Corpus::open(folder.path()).unwrap();
    let settings = PropertySettings { runs: 40, seed: 1, jobs: 1, partition: None, corpus };
    let source = Watching { folder: folder.path(), seen: AtomicU32::new(0) };
    FakePlugin::new(|_, _, _| raise("E")).with_plan(|plan| {
        let plan = Plan { source: &source, ..*plan };
        property(&plan, &settings, &Stop::default(), &|_| {}).unwrap();
    });
    assert_eq!(source.seen.into_inner(), 3, "one for each hook");
}

#[test]
fn a_worker_that_does_not_start_ends_the_run_for_all_threads() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = Corpus::open(folder.path()).unwrap();
    let settings = PropertySettings { runs: 100_000, seed: 1, jobs: 4, partition: None, corpus };
    let started = AtomicU32::new(0);
    messy().with_plan(|plan| {
        let workers = |setup: &Setup| match started.fetch_add(1, Ordering::Relaxed) {
            2 => Err(RuntimeError::NoWorker("hookstorm".into())),
            _ => (plan.workers)(setup),
        };
        let plan = Plan { workers: &workers, ..*plan };
        let error = property(&plan, &settings, &Stop::default(), &|_| {}).unwrap_err();
        assert!(matches!(error, EngineError::Runtime(RuntimeError::NoWorker(_))));
    });
}

/// A hook that hangs where the port says so, and the stack of its place.
fn hanging(hangs: impl Fn(i64) -> bool + Send + Sync + 'static) -> FakePlugin {
    FakePlugin::new(move |call, _, how| {
        let frame = Frame { origin: Origin::Plugin, file: "main.py".into(), function: "wait".into(), line: 3 };
        match call.hook {
            Hook::GetPasswordList if hangs(port(call)) => {
                let limit = if let How::LongerLimit(limit) = how { limit } else { Duration::from_secs(2) };
                Ending::TimedOut { limit, frames: vec![frame] }
            }
            Hook::SessionEnded if port(call) % 50 == 7 => raise("E"),
            _ => give(1),
        }
    })
}

#[test]
fn a_known_hang_is_waited_for_once_and_hides_no_other_finding() {
    let plugin = hanging(|port| port % 3 == 0);
    let summary = run(&plugin, 2000);
    let mut found: Vec<_> = summary.reported.iter().map(|one| (one.finding.rule, one.finding.hook.unwrap())).collect();
    found.sort();
    assert_eq!(found, [(Rule::UncaughtException, Hook::SessionEnded), (Rule::Timeout, Hook::GetPasswordList)]);
    // What was ended early is counted, and is no occurrence of anything.
    let timeout = summary.reported.iter().find(|one| one.finding.rule == Rule::Timeout).unwrap();
    let note = summary.notes.iter().find(|note| note.contains("a timeout was confirmed")).unwrap();
    let early: u64 = note.split(' ').next().unwrap().parse().unwrap();
    assert!(early > 500 && timeout.occurrences + early < 700, "{early}, {}", timeout.occurrences);
    assert!(!summary.interrupted);
    let longer = |how: &&How| matches!(how, How::LongerLimit(_));
    assert!(plugin.log.lock().unwrap().iter().filter(longer).count() < 6);
}

#[test]
fn a_run_in_which_every_session_hangs_ends_early_and_says_so() {
    let summary = run(&hanging(|_| true), 100_000);
    assert!(summary.sessions < 10_000 && !summary.interrupted, "{}", summary.sessions);
    let note = format!("all {} sessions ran out of time, so the run ended early", summary.sessions);
    assert!(summary.notes[0].starts_with(&note), "{:?}", summary.notes);
    assert_eq!(summary.reported.len(), 1);
    // One session that ends is enough to go on.
    let summary = run(&hanging(|port| port != 100_003), 3000);
    assert_eq!(summary.sessions, 3000);
}

#[test]
fn a_finding_takes_no_longer_than_it_may() {
    let plugin = fragile();
    let session = fake::session(3);
    let shrunk = |max_time_per_finding| {
        plugin.with_plan(|plan| {
            let plan = Plan { max_time_per_finding, ..*plan };
            let folder = tempfile::tempdir().unwrap();
            let corpus = Corpus::open(folder.path()).unwrap();
            let settings = PropertySettings { runs: 100, seed: 0, jobs: 1, partition: None, corpus };
            let summary = property(&plan, &settings, &Stop::default(), &|_| {}).unwrap();
            summary.reported[0].case.as_ref().unwrap().session.calls.len()
        })
    };
    assert_eq!(shrunk(Duration::from_secs(60)), 1);
    assert_eq!(shrunk(Duration::ZERO), session.calls.len());
}
