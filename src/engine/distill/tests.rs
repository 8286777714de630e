//! Corpora of a plugin that a closure plays.

use std::path::PathBuf;

use super::*;
use crate::{
    case::{Case, Session, SetOption},
    contract::Platform,
    engine::{
        Stop,
        fake::{self, FakePlugin, fragile as plugin, fragile_case as case, port},
    },
    trace::Edge,
};

/// The same plugin, instrumented. The bits of each call's port are the edges that it runs.
fn instrumented() -> FakePlugin {
    plugin().with_instrumented(|session| {
        let bits = session.calls.iter().fold(0, |bits, call| bits | port(call));
        let edges = (0..32).filter(|bit| bits >> bit & 1 == 1).map(|number| Edge { number, bucket: 0 });
        (edges.collect(), Vec::new())
    })
}

/// The session with that one call.
fn only(hook: usize, port: u64) -> Session {
    Session::new(vec![fake::session(port).calls[hook].clone()])
}

fn twice(session: Session) -> Session {
    Session::new([session.calls.clone(), session.calls].concat())
}

fn named<const N: usize>(cases: [(&str, Case); N]) -> Vec<(PathBuf, Case)> {
    cases.map(|(name, case)| (PathBuf::from(name), case)).to_vec()
}

fn removed(plugin: &FakePlugin, tests: &[(PathBuf, Case)], seeds: &[(PathBuf, Case)]) -> Vec<String> {
    let cases = Cases { tests, seeds };
    let removed = plugin.with_plan(|plan| minimize_corpus(plan, cases, true, 2, &Stop::default()).unwrap());
    removed.into_iter().map(|(path, _)| path.display().to_string()).collect()
}

#[test]
fn if_nothing_is_instrumented_lines_decide_what_stays() {
    let tests = named([
        ("large", case(fake::session(3), true)),
        ("small", case(only(1, 4), true)),
        ("fixed", case(fake::session(30), true)),
        ("quiet", case(only(0, 30), false)),
        ("quiet-again", case(only(0, 30), false)),
        ("quiet-too", case(only(0, 3000), false)),
    ]);
    let minimize = |by_coverage| {
        let cases = Cases { tests: &tests, seeds: &[] };
        plugin().with_plan(|plan| minimize_corpus(plan, cases, by_coverage, 2, &Stop::default()).unwrap())
    };
    let large = (PathBuf::from("large"), RemovalReason::SmallerShowsIt("small".into()));
    let again = (PathBuf::from("quiet-again"), RemovalReason::SameAs("quiet".into()));
    let covered = |name: &str| (PathBuf::from(name), RemovalReason::NothingNew);
    assert_eq!(minimize(false), [large.clone(), again.clone()]);
    // The fixed case stays, and runs every line.
    assert_eq!(minimize(true), [large, covered("quiet"), again, covered("quiet-too")]);
}

#[test]
fn lines_that_only_a_removed_case_ran_are_not_counted_for_another_one() {
    // To find out what "large" shows, a worker runs all hooks before lines are observed.
    let tests = named([
        ("large", case(fake::session(3), true)),
        ("small", case(only(1, 4), true)),
        ("quiet", case(only(0, 30), false)),
    ]);
    assert_eq!(removed(&plugin(), &tests, &[]), ["large"]);
}

#[test]
fn no_more_workers_are_alive_than_the_user_asked_for() {
    let tests: Vec<_> = (1..9).map(|port| (format!("{port}").into(), case(only(1, port), true))).collect();
    let seeds: Vec<_> = (1..600).map(|port| (format!("s{port}").into(), case(only(0, port), false))).collect();
    for plugin in [plugin(), instrumented()] {
        removed(&plugin, &tests, &seeds);
        assert!((1..=2).contains(&plugin.alive.most()), "{}", plugin.alive.most());
    }
}

#[test]
fn the_fewest_seeds_stay_that_run_every_edge_and_of_equal_ones_the_smallest_and_first() {
    let seeds = named([
        ("b", case(only(0, 0b0111), false)),
        ("a", case(only(0, 0b0111), false)),
        ("part", case(only(0, 0b0011), false)),
        ("long", case(twice(only(0, 0b0111)), false)),
        ("other", case(only(0, 0b1000), false)),
    ]);
    assert_eq!(removed(&instrumented(), &[], &seeds), ["b", "part", "long"]);
}

#[test]
fn a_test_covers_a_seed_and_a_seed_never_a_test() {
    let tests = named([("test", case(fake::session(0b11_0000), false)), ("part", case(only(0, 0b1_0000), false))]);
    let seeds = named([("small", case(only(0, 0b11_0000), false)), ("new", case(only(0, 0b111_0000), false))]);
    assert_eq!(removed(&instrumented(), &tests, &seeds), ["part", "small"]);
}

#[test]
fn a_larger_case_of_a_finding_is_removed_even_if_it_runs_more_and_the_one_that_stays_covers_seeds() {
    let tests = named([("large", case(fake::session(3), true)), ("small", case(only(1, 1), true))]);
    let seeds = named([("seed", case(only(1, 1), false)), ("more", case(only(0, 0b10), false))]);
    assert_eq!(removed(&instrumented(), &tests, &seeds), ["large", "seed"]);
}

#[test]
fn a_seed_that_sets_options_or_has_another_platform_covers_none_that_does_not() {
    let option = SetOption { section: "a".into(), name: "b".into(), value: "c".into() };
    let plain = case(only(0, 0b1_0000), false);
    let varied = |port| {
        let session = only(0, port);
        case(Session { options: vec![option.clone()], ..session }, false)
    };
    let older = Case { platform: Platform::named("8.0").unwrap(), ..case(only(0, 0b11_0000), false) };
    let seeds = named([("older", older), ("more", varied(0b11_0000)), ("plain", plain), ("same", varied(0b1_0000))]);
    assert_eq!(removed(&instrumented(), &[], &seeds), ["same"]);
}

#[test]
fn a_stop_before_the_start_removes_only_duplicates() {
    let seeds = named([("a", case(only(0, 1), false)), ("b", case(only(0, 1), false)), ("c", case(only(2, 1), false))]);
    let stop = Stop::default();
    stop.request();
    let cases = Cases { tests: &[], seeds: &seeds };
    let removed = instrumented().with_plan(|plan| minimize_corpus(plan, cases, true, 2, &stop).unwrap());
    assert_eq!(removed, [("b".into(), RemovalReason::SameAs("a".into()))]);
}
