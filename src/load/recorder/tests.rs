//! The recorder on invented runs, whose results are known.

use std::time::Duration;

use super::{totals::HOOKS, *};
use crate::{
    contract::Hook,
    load::{Arrivals, Measured},
};

const SECOND: Duration = Duration::from_secs(1);

fn shape(duration: Duration, offered_rate: f64) -> RunShape {
    RunShape {
        duration,
        rounds: 5,
        in_flight: 4,
        isolation: "isolated".into(),
        arrivals: Arrivals::Constant,
        offered_rate,
    }
}

fn call(hook: Hook, at: Duration, latency: Duration) -> CallTimes {
    CallTimes {
        hook,
        at,
        latency,
        waiting: latency / 4,
        plugin: latency / 2,
        cpu: latency / 3,
        peak_bytes: 20 << 20,
        is_error: false,
    }
}

/// One server that needs `service(begin)` for a session of one call, at `rate` for `seconds`.
fn run(rate: u32, seconds: u64, service: impl Fn(Duration) -> Duration) -> Measured {
    let duration = SECOND * seconds as u32;
    let mut recorder = Recorder::new(shape(duration, f64::from(rate)));
    let dues: Vec<_> = (0..rate * seconds as u32).map(|nth| SECOND * nth / rate).collect();
    let (mut events, mut free) = (Vec::new(), Duration::ZERO);
    for due in &dues {
        let begin = free.max(*due);
        free = begin + service(begin);
        events.push((*due, 1, *due));
        events.push((begin, 2, *due));
        events.push((free, 0, *due));
    }
    events.sort();
    for (at, what, due) in events {
        match what {
            1 => recorder.due(at),
            2 => recorder.begun(),
            _ => {
                recorder.call(&call(Hook::Authorize, at, at - due));
                recorder.ended(at, at - due);
            }
        }
    }
    recorder.finish(free, duration)
}

#[test]
fn a_plugin_that_keeps_up_achieves_what_is_offered() {
    let measured = run(10, 20, |_| Duration::from_millis(50));
    assert_eq!((measured.offered_rate, measured.achieved_rate, measured.call_rate), (10.0, 10.0, 10.0));
    assert_eq!((measured.sessions, measured.unfinished, measured.saturated), (200, 0, false));
    assert_eq!((measured.session.p50_ms, measured.session.max_ms), (50.0, 50.0));
    assert_eq!(measured.hooks["authorize"].latency.count, 200);
    assert_eq!(measured.hooks["authorize"].plugin.p99_ms, 25.0);
    assert_eq!(measured.hooks["authorize"].waiting.p99_ms, 12.5);
    assert_eq!(measured.hooks["authorize"].cpu_ms, 16.667);
    assert_eq!(measured.hooks["authorize"].peak_mb, 20.0);
    assert_eq!(measured.hooks.len(), 1, "a hook that was not called is absent");
}

#[test]
fn a_session_that_takes_long_does_not_make_the_rate_smaller() {
    let mut recorder = Recorder::new(shape(SECOND * 10, 2.0));
    for nth in 0..20 {
        let due = SECOND * nth / 2;
        recorder.due(due);
        recorder.ended(due + SECOND * 8, SECOND * 8);
    }
    assert_eq!(recorder.finish(SECOND * 18, SECOND * 10).achieved_rate, 2.0);
}

#[test]
fn twice_the_capacity_is_saturated_and_the_achieved_rate_is_the_capacity() {
    let measured = run(40, 10, |_| Duration::from_millis(50));
    assert!(measured.saturated);
    assert!((measured.achieved_rate - 20.0).abs() < 0.1, "{}", measured.achieved_rate);
    assert!(measured.session.max_ms > 9_900.0, "the latency includes the time in the queue");
    let end = measured.timeline.iter().find(|slice| slice.at_seconds >= 9.7).expect("a slice at the schedule's end");
    assert!((190..=202).contains(&end.waiting), "{}", end.waiting);
    assert_eq!(end.in_flight, 1);
}

#[test]
fn a_stall_is_in_the_latency_of_all_sessions_that_were_due_meanwhile_and_no_saturation() {
    let stall = SECOND * 5..Duration::from_millis(5_040);
    let measured = run(20, 10, |begin| Duration::from_millis(if stall.contains(&begin) { 2_000 } else { 5 }));
    assert!(!measured.saturated);
    assert_eq!(measured.session.max_ms, 2_000.0);
    assert!(measured.session.p90_ms > 1_000.0, "40 of 200 had to wait: {:?}", measured.session);
    assert!((measured.session.p50_ms - 5.0).abs() < 0.005);
    let longest = measured.timeline.iter().max_by(|one, other| one.max_ms.total_cmp(&other.max_ms));
    assert_eq!(longest.expect("slices").at_seconds, 7.0);
    let worst = measured.rounds.iter().map(|round| round.session.p90_ms).fold(0.0, f64::max);
    assert!(worst > 1_500.0 && measured.rounds[0].session.p90_ms == 5.0, "{worst}");
}

#[test]
fn rounds_are_equal_parts_and_the_last_has_the_sessions_that_end_late() {
    let measured = run(40, 10, |_| Duration::from_millis(50));
    let counts: Vec<_> = measured.rounds.iter().map(|round| round.session.count).collect();
    assert_eq!(counts.len(), 5);
    assert_eq!(counts.iter().sum::<u64>(), 400);
    assert!(counts[..4].iter().all(|count| (39..=41).contains(count)), "{counts:?}");
    assert!(measured.rounds.iter().all(|round| (round.achieved_rate - 20.0).abs() < 0.6));
    let times = measured.rounds[0].hooks["authorize"];
    assert!(times.cpu_ms > 0.0 && times.peak_mb == 20.0);
}

#[test]
fn a_run_of_unknown_length_has_rounds_too() {
    let mut recorder = Recorder::new(shape(Duration::MAX, 10.0));
    for nth in 0..777 {
        recorder.due(SECOND * nth / 10);
        recorder.ended(SECOND * nth / 10, Duration::from_millis(3));
    }
    let measured = recorder.finish(SECOND * 78, SECOND * 78);
    assert!((5..=10).contains(&measured.rounds.len()), "{}", measured.rounds.len());
    assert_eq!(measured.rounds.iter().map(|round| round.session.count).sum::<u64>(), 777);
    assert!((120..=240).contains(&measured.timeline.len()));
}

#[test]
fn an_unfinished_session_counts_with_the_time_that_it_waited() {
    let mut recorder = Recorder::new(shape(SECOND * 10, 1.0));
    for nth in 0..10 {
        recorder.due(SECOND * nth);
    }
    recorder.begun();
    recorder.ended(SECOND, SECOND);
    recorder.begun();
    for nth in 1..10 {
        recorder.unfinished(SECOND * (40 - nth));
    }
    let measured = recorder.finish(SECOND * 40, SECOND * 10);
    assert_eq!((measured.sessions, measured.unfinished, measured.session.count), (1, 9, 10));
    assert_eq!(measured.session.max_ms, 39_000.0);
    assert!(measured.saturated);
    let last = measured.timeline.last().expect("slices");
    assert_eq!((last.in_flight, last.waiting), (1, 8));
}

#[test]
fn errors_are_counted_for_the_run_the_hook_and_the_slice() {
    let mut recorder = Recorder::new(shape(SECOND * 60, 1.0));
    for nth in 0..60 {
        let error = CallTimes { is_error: nth >= 50, ..call(Hook::Authorize, SECOND * nth, SECOND) };
        recorder.call(&error);
    }
    assert_eq!(recorder.progress(SECOND * 60).errors, 10);
    let measured = recorder.finish(SECOND * 60, SECOND * 60);
    assert_eq!((measured.errors, measured.hooks["authorize"].errors), (10, 10));
    assert_eq!(measured.timeline.iter().filter(|slice| slice.errors > 0).count(), 10);
}

#[test]
fn a_run_that_ended_early_is_measured_until_then() {
    let mut recorder = Recorder::new(shape(SECOND * 3600, 10.0));
    for nth in 0..100 {
        recorder.due(SECOND * nth / 10);
        recorder.ended(SECOND * nth / 10, Duration::from_millis(1));
    }
    let measured = recorder.finish(SECOND * 10, SECOND * 10);
    assert_eq!((measured.offered_rate, measured.achieved_rate), (10.0, 10.0));
    assert_eq!((measured.rounds.len(), measured.rounds[0].achieved_rate), (1, 10.0));
    assert_eq!(measured.duration_seconds, 10.0);
}

#[test]
fn the_offered_rate_is_the_one_that_chance_gave() {
    let mut recorder = Recorder::new(RunShape { arrivals: Arrivals::Poisson, ..shape(SECOND * 10, 10.0) });
    for nth in 0..90 {
        recorder.due(SECOND * nth / 10);
        recorder.ended(SECOND * nth / 10, Duration::from_millis(1));
    }
    let measured = recorder.finish(SECOND * 10, SECOND * 10);
    assert_eq!((measured.offered_rate, measured.achieved_rate), (9.0, 9.0));
    assert_eq!(measured.arrivals, "poisson");
}

#[test]
fn a_run_without_sessions_has_no_division_by_zero() {
    let measured = Recorder::new(shape(SECOND, 10.0)).finish(Duration::ZERO, Duration::ZERO);
    let text = serde_json::to_string(&measured).expect("a report");
    assert!(!text.contains("null"), "NaN would be null: {text}");
    assert_eq!(measured.achieved_rate, 0.0);
}

#[test]
fn progress_is_that_of_the_last_seconds() {
    let mut recorder = Recorder::new(shape(SECOND * 60, 10.0));
    for nth in 0..300 {
        let at = SECOND * nth / 10;
        recorder.due(at);
        recorder.begun();
        recorder.call(&call(Hook::Authenticate, at, SECOND));
        recorder.ended(at, Duration::from_millis(if nth < 200 { 700 } else { 20 }));
    }
    (0..3).for_each(|_| recorder.due(SECOND * 30));
    recorder.begun();
    let progress = recorder.progress(SECOND * 30);
    assert_eq!((progress.sessions, progress.calls, progress.in_flight, progress.waiting), (300, 300, 1, 2));
    assert_eq!((progress.achieved_rate, progress.p50_ms, progress.p99_ms), (10.0, 20.0, 20.0));
}

/// Records `calls` calls of all hooks in sessions of two calls. Returns the largest memory of the recorder.
fn record(recorder: &mut Recorder, calls: std::ops::Range<u64>) -> usize {
    let mut most = 0;
    for nth in calls {
        // From microseconds to more than an hour, spread over all classes of the histograms.
        let scattered = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (at, latency) = (Duration::from_millis(nth), Duration::from_micros(scattered >> (31 + nth % 24)));
        if nth % 2 == 0 {
            recorder.due(at);
            recorder.released(latency);
            recorder.begun();
        }
        recorder.call(&call(Hook::ALL[(nth / 2) as usize % HOOKS], at, latency));
        if nth % 2 == 1 {
            recorder.ended(at, latency);
        }
        if nth % 10_000 == 0 {
            most = most.max(recorder.bytes());
        }
    }
    most
}

#[test]
fn ten_million_calls_take_no_more_memory_than_two() {
    let mut recorder = Recorder::new(RunShape { rounds: 64, ..shape(Duration::MAX, 500.0) });
    let (first, then) = (record(&mut recorder, 0..2_000_000), record(&mut recorder, 2_000_000..10_000_000));
    assert!(first < 32 << 20, "{first} bytes");
    // The number of distributions in use differs by one or two.
    assert!(then.abs_diff(first) < 64 << 10, "{first} bytes became {then}");
}

#[test]
fn the_longest_of_runs_takes_no_more_memory_if_its_end_is_known() {
    let mut recorder = Recorder::new(RunShape { rounds: 1000, ..shape(SECOND * 1000, 500.0) });
    let most = record(&mut recorder, 0..1_500_000);
    assert!(most < 32 << 20, "{most} bytes");
}
