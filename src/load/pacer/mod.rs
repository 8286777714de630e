//! [`Pacer`]: one run at a schedule. The calling thread keeps the schedule; each executor has a worker thread beside
//! it. What is due is released at its time even if no worker is free. The delay of the schedule itself is measured too.

use std::{ops::RangeInclusive, path::Path, sync::Mutex, time::Duration};

use crate::{
    engine::{PendingFindings, Stop},
    load::{
        GrowthWatch, LoadExecutor, LoadProgress, LoadSettings, Measured, RateProfile, Recorder, ResourceSample,
        RunShape, Schedule, Workload,
        cpu_sample::CpuSample,
        files::count_files,
        load_worker::{Judge, LoadWorker, WorkerContext, lock},
        ready_queue::{Ready, ReadyQueue},
        run_clock::RunClock,
    },
    runtime::{Isolation, RuntimeError},
};

/// The first session is due this long after the start, when all threads run.
const LEAD: Duration = Duration::from_millis(20);
/// The time between two progress events.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// How long the thread that keeps the schedule sleeps at least, so that at high rates it leaves the processors to the
/// plugin, and at most, so that Ctrl-C ends the run soon.
const NAP: RangeInclusive<Duration> = Duration::from_micros(200)..=Duration::from_millis(50);
/// How many sessions can wait. If there are more, the run ends, so that the queue does not fill the memory.
const BACKLOG: usize = 200_000;
/// How often files are counted at most, and which part of the time (one in so many) this can take.
const FILES_EVERY: Duration = Duration::from_millis(200);
const FILES_SHARE: u32 = 100;

/// What all runs of one load test share.
pub(super) struct Pacer<'a> {
    pub(super) settings: &'a LoadSettings,
    pub(super) workload: &'a dyn Workload,
    pub(super) judge: &'a Judge<'a>,
    pub(super) pending: &'a Mutex<PendingFindings>,
    /// The resources of one worker's process, by the calls of this worker.
    pub(super) growth: &'a Mutex<GrowthWatch>,
    /// The files in the state folders, by the calls of the current run.
    pub(super) files: &'a Mutex<GrowthWatch>,
    /// The folder with the plugin's state folders.
    pub(super) state: &'a Path,
    pub(super) stop: &'a Stop,
    pub(super) listen: &'a (dyn Fn(LoadProgress) + Sync),
}

/// The result of a run.
pub(super) struct PacedRun {
    pub(super) measured: Measured,
    /// Whether the user stopped it.
    pub(super) is_interrupted: bool,
    /// Whether the run ended because too many sessions waited.
    pub(super) is_overrun: bool,
}

impl Pacer<'_> {
    /// Runs sessions at the rates of `profile` for `duration`. `first` is the number of the first session.
    pub(super) fn run(
        &self,
        executors: &mut [Box<dyn LoadExecutor>],
        profile: RateProfile,
        duration: Duration,
        first: u64,
    ) -> Result<PacedRun, RuntimeError> {
        let LoadSettings { arrivals, sessions, seed, rounds, isolation, think, .. } = *self.settings;
        let before = CpuSample::now();
        let schedule = Schedule::new(profile, arrivals, duration, sessions, seed);
        let shape = RunShape {
            duration: schedule.length(),
            rounds,
            in_flight: executors.len(),
            isolation: name(isolation).to_owned(),
            arrivals,
            offered_rate: schedule.offered_rate(),
        };
        let clock = RunClock::start_in(LEAD);
        let context = WorkerContext {
            queue: ReadyQueue::default(),
            clock,
            workload: self.workload,
            judge: self.judge,
            isolation,
            think,
            recorder: Mutex::new(Recorder::new(shape)),
            pending: self.pending,
            growth: self.growth,
        };
        let kept = std::thread::scope(|scope| {
            for (at, executor) in executors.iter_mut().enumerate() {
                let context = &context;
                let thread = std::thread::Builder::new().name(format!("load-{at}"));
                let spawned =
                    thread.spawn_scoped(scope, move || LoadWorker::new(context, &mut **executor, at == 0).work());
                if let Err(error) = spawned {
                    context.queue.fail(error.into());
                    break;
                }
            }
            let closing = CloseOnDrop(&context.queue);
            scope.spawn(|| self.observe(&context));
            let kept = self.keep_schedule(&context, schedule, first);
            drop(closing);
            kept
        });
        let elapsed = clock.now();
        let after = CpuSample::now();
        let WorkerContext { queue, recorder, .. } = context;
        if let Some(error) = queue.into_error() {
            return Err(error);
        }
        let recorder = recorder.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let plugin = recorder.cpu();
        let mut measured = recorder.finish(elapsed, kept.scheduled);
        measured.processors = before.until(&after, plugin, elapsed);
        Ok(PacedRun { measured, is_interrupted: kept.is_interrupted, is_overrun: kept.is_overrun })
    }

    /// Emits progress events and counts files until the run is over, in a thread of its own, so that the schedule never
    /// waits for that.
    fn observe(&self, context: &WorkerContext<'_>) {
        let WorkerContext { queue, clock, recorder, .. } = context;
        let mut next_files = Duration::ZERO;
        loop {
            let now = clock.now();
            if now >= next_files {
                let (files, took) = count_files(self.state);
                next_files = clock.now() + FILES_EVERY.max(took * FILES_SHARE);
                let calls = lock(recorder).calls();
                lock(self.files).sample(ResourceSample { calls, files: Some(files), ..ResourceSample::default() });
            }
            let progress = lock(recorder).progress(now);
            (self.listen)(progress);
            if queue.wait_for_close(PROGRESS_EVERY) {
                return;
            }
        }
    }

    /// Releases what is due until nothing is left, or until the time to wait is over.
    fn keep_schedule(&self, context: &WorkerContext<'_>, schedule: Schedule, first: u64) -> KeptSchedule {
        let length = schedule.length();
        let WorkerContext { queue, clock, recorder, .. } = context;
        let mut schedule = schedule.enumerate().peekable();
        let mut kept = KeptSchedule::default();
        let (mut give_up, mut last_due) = (None, Duration::ZERO);
        loop {
            let now = clock.now();
            let mut due = Vec::new();
            while let Some((number, moment)) = schedule.next_if(|(_, moment)| *moment <= now) {
                due.push((first + number as u64, moment));
                last_due = moment;
            }
            let timers = queue.release_timers(now);
            if !due.is_empty() || !timers.is_empty() {
                queue.release(due.iter().copied());
                let mut recorder = lock(recorder);
                for &(_, moment) in &due {
                    recorder.due(moment);
                }
                for moment in due.iter().map(|(_, moment)| *moment).chain(timers) {
                    recorder.released(now.saturating_sub(moment));
                }
            }
            kept.is_interrupted = self.stop.requested();
            if kept.is_interrupted || queue.is_closed() {
                break;
            }
            if queue.waiting() > BACKLOG {
                kept.is_overrun = true;
                break;
            }
            if schedule.peek().is_none() {
                let give_up = *give_up.get_or_insert(now + self.settings.drain);
                if queue.is_done() || now >= give_up {
                    break;
                }
            }
            queue.wait(schedule.peek().map(|(_, moment)| *moment), || clock.now(), NAP);
        }
        let now = clock.now();
        let left = queue.close();
        let mut recorder = lock(recorder);
        for ready in left {
            match ready {
                Ready::Session { due, .. } => recorder.unfinished(now.saturating_sub(due)),
                Ready::Call(session) => {
                    recorder.unfinished(now.saturating_sub(session.due + session.thought));
                    queue.ended();
                }
            }
        }
        kept.scheduled = match length {
            // A run that ended early had a schedule until then.
            _ if kept.is_interrupted || kept.is_overrun => now.min(length),
            Duration::MAX => last_due,
            _ => length,
        };
        kept
    }
}

/// The name in reports.
const fn name(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::Isolated => "isolated",
        Isolation::Persistent => "persistent",
    }
}

/// What became of the schedule.
#[derive(Debug, Default)]
struct KeptSchedule {
    /// How long sessions were due.
    scheduled: Duration,
    is_interrupted: bool,
    is_overrun: bool,
}

/// Ends the workers also if the thread that keeps the schedule panics.
struct CloseOnDrop<'a>(&'a ReadyQueue);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
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

    /// Sessions with their number in the cookie.
    struct Numbered;

    impl Workload for Numbered {
        fn session(&self, number: u64) -> Arc<Session> {
            let calls = vec![Call::new(Hook::SessionEnded, Vec::new())];
            Arc::new(Session { cookie: Value::Int(number.cast_signed()), ..Session::new(calls) })
        }
    }

    /// Answers at once, and fails from a number of sessions on.
    #[derive(Clone, Default)]
    struct FakeExecutor {
        served: Arc<Mutex<Vec<i64>>>,
        fails_from: Option<u64>,
        count: Arc<AtomicU64>,
    }

    impl LoadExecutor for FakeExecutor {
        fn next_call(&mut self, _: &mut SessionState) -> Result<Option<CallUsage>, RuntimeError> {
            unreachable!("persistent sessions run as a whole")
        }

        fn run_session(
            &mut self,
            session: &Session,
        ) -> Result<(Trace, Vec<CallUsage>, Option<ProcessUsage>), RuntimeError> {
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
                changed_types: Vec::new(),
            };
            // A process can report any time.
            let usage = CallUsage { began_ns: u64::MAX, cpu: Duration::from_micros(5), peak_bytes: 1 << 20 };
            Ok((Trace { calls: vec![call], ..Trace::default() }, vec![usage], None))
        }
    }

    fn settings(sessions: u64) -> LoadSettings {
        LoadSettings {
            profile: RateProfile::constant(Rate::per_second(2000.0).unwrap()),
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

    /// Runs `settings` on three such executors.
    fn run(fake: &FakeExecutor, settings: &LoadSettings, stop: &Stop) -> Result<PacedRun, RuntimeError> {
        let folder = tempfile::tempdir().unwrap();
        let pacer = Pacer {
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
        let mut executors: Vec<Box<dyn LoadExecutor>> =
            (0..3).map(|_| Box::new(fake.clone()) as Box<dyn LoadExecutor>).collect();
        pacer.run(&mut executors, settings.profile, settings.duration, 7)
    }

    #[test]
    fn every_session_that_was_due_is_served_once_and_counted() {
        let fake = FakeExecutor::default();
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
    fn a_failure_of_the_runtime_ends_a_run_without_an_end() {
        let fake = FakeExecutor { fails_from: Some(10), ..FakeExecutor::default() };
        assert!(matches!(run(&fake, &settings(u64::MAX), &Stop::default()), Err(RuntimeError::Stuck)));
    }

    #[test]
    fn a_stopped_run_ends_and_says_so() {
        let stop = Stop::default();
        stop.request();
        let ran = run(&FakeExecutor::default(), &settings(1_000_000), &stop).unwrap_or_else(|error| panic!("{error}"));
        assert!(ran.is_interrupted && ran.measured.sessions < 1_000_000);
    }
}
