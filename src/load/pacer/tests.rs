//! The engine with hosts that need no Python: what is due is served once, whatever happens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::{
    case::{Call, Session, Value},
    contract::Hook,
    load::{Arrivals, Rate},
    runtime::{Isolation, SessionState},
    trace::{CallTrace, CallUsage, CapturedOutput, Ending, Observed, ProcessUsage, Trace},
};

/// Sessions that hold their number.
struct Numbered;

impl Workload for Numbered {
    fn session(&self, number: u64) -> Arc<Session> {
        let calls = vec![Call::new(Hook::SessionEnded, Vec::new())];
        Arc::new(Session { cookie: Value::Int(number.cast_signed()), ..Session::new(calls) })
    }
}

/// Answers at once, fails from a session on, or takes part in nothing until it may.
#[derive(Clone, Default)]
struct Fake {
    served: Arc<Mutex<Vec<i64>>>,
    fails_from: Option<u64>,
    count: Arc<AtomicU64>,
}

impl LoadExecutor for Fake {
    fn step(&mut self, _: &mut SessionState) -> Result<Option<CallUsage>, RuntimeError> {
        unreachable!("sessions run whole here")
    }

    fn session(&mut self, session: &Session) -> Result<(Trace, Vec<CallUsage>, Option<ProcessUsage>), RuntimeError> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        if self.fails_from.is_some_and(|from| count >= from) {
            return Err(RuntimeError::Stuck);
        }
        let Value::Int(number) = session.cookie else { unreachable!("the workload gives numbers") };
        lock(&self.served).push(number);
        let call = CallTrace {
            call: 0,
            round: 0,
            hook: Hook::SessionEnded,
            answer_is_secret: false,
            ending: Ending::Returned(Observed::None),
            stdout: CapturedOutput::default(),
            stderr: CapturedOutput::default(),
            elapsed: Duration::ZERO,
            files: Vec::new(),
            attempts: Vec::new(),
            leftovers: Vec::new(),
        };
        // A worker may say anything of its clock.
        let usage = CallUsage { began_ns: u64::MAX, cpu: Duration::from_micros(5), peak_bytes: 1 << 20 };
        Ok((Trace { calls: vec![call], ..Trace::default() }, vec![usage], None))
    }
}

fn settings(sessions: u64) -> LoadSettings {
    LoadSettings {
        profile: Profile::constant(Rate::per_second(2000.0).unwrap()),
        arrivals: Arrivals::Constant,
        duration: Duration::MAX,
        sessions: Some(sessions),
        in_flight: 3,
        think: Duration::ZERO,
        isolation: Isolation::Persistent,
        seed: 1,
        rounds: 5,
        objectives: Vec::new(),
        drain: Duration::from_secs(60),
    }
}

/// Runs `settings` on three such hosts.
fn run(fake: &Fake, settings: &LoadSettings, stop: &Stop) -> Result<PacedRun, RuntimeError> {
    let folder = tempfile::tempdir().unwrap();
    let engine = Pacer {
        settings,
        workload: &Numbered,
        judge: &|_, _| Vec::new(),
        pending: &Mutex::default(),
        growth: &Mutex::default(),
        files: &Mutex::default(),
        state: folder.path(),
        stop,
        listen: &|_| {},
    };
    let mut hosts: Vec<Box<dyn LoadExecutor>> =
        (0..3).map(|_| Box::new(fake.clone()) as Box<dyn LoadExecutor>).collect();
    engine.run(&mut hosts, settings.profile, settings.duration, 7)
}

#[test]
fn every_session_that_was_due_is_served_once_and_counted() {
    let fake = Fake::default();
    let ran = run(&fake, &settings(300), &Stop::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut served = lock(&fake.served).clone();
    served.sort_unstable();
    assert_eq!(served, (7..307).collect::<Vec<_>>());
    let Measured { sessions, unfinished, errors, session, hooks, schedule_delay, .. } = &ran.measured;
    assert_eq!((*sessions, *unfinished, *errors, session.count), (300, 0, 0, 300));
    assert_eq!((hooks["session_ended"].latency.count, schedule_delay.count), (300, 300));
    assert!((hooks["session_ended"].cpu_ms - 0.005).abs() < 1e-9, "{hooks:?}");
    assert!(!ran.is_interrupted && !ran.is_overrun);
}

#[test]
fn a_runtime_that_fails_ends_a_run_without_end_with_its_error() {
    let fake = Fake { fails_from: Some(10), ..Fake::default() };
    assert!(matches!(run(&fake, &settings(u64::MAX), &Stop::default()), Err(RuntimeError::Stuck)));
}

#[test]
fn a_run_that_is_asked_to_end_ends_and_says_so() {
    let stop = Stop::default();
    stop.request();
    let ran = run(&Fake::default(), &settings(1_000_000), &stop).unwrap_or_else(|error| panic!("{error}"));
    assert!(ran.is_interrupted && ran.measured.sessions < 1_000_000);
}
