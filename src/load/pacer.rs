//! One run at a schedule: [`Pacer::run`] keeps the schedule in the calling thread, with a lane for each host beside it.
//! What is due is released when it is due, whoever is free, and how late the schedule was is part of what is measured.

use std::{ops::RangeInclusive, path::Path, sync::Mutex, time::Duration};

use crate::{
    engine::{PendingFindings, Stop},
    load::{
        GrowthWatch, LoadExecutor, LoadProgress, LoadSettings, Measured, Profile, Recorder, ResourceSample, RunShape,
        Schedule, Workload,
        cpu_sample::CpuSample,
        files::count_files,
        load_worker::{Judge, LoadWorker, RunClock, WorkerContext, lock},
        queue::{Ready, ReadyQueue},
    },
    runtime::{Isolation, RuntimeError},
};

/// How long after the start the first session is due: the threads are there by then.
const LEAD: Duration = Duration::from_millis(20);
/// How often it is told how it goes.
const PULSE: Duration = Duration::from_millis(200);
/// How long the schedule sleeps at most, so that Ctrl-C is heard, and at least, so that where very many sessions come
/// it does not take the processors from them.
const NAP: RangeInclusive<Duration> = Duration::from_micros(200)..=Duration::from_millis(50);
/// How many sessions may wait; then no more come, since memory is not for queues.
const BACKLOG: usize = 200_000;
/// How often files are counted at most, and what part of the time that may take.
const FILES_EVERY: Duration = Duration::from_millis(200);
const FILES_SHARE: u32 = 100;

/// What all runs of a command share.
pub(super) struct Pacer<'a> {
    pub(super) settings: &'a LoadSettings,
    pub(super) workload: &'a dyn Workload,
    pub(super) judge: &'a Judge<'a>,
    pub(super) pending: &'a Mutex<PendingFindings>,
    /// What one lane's process holds, by that lane's calls.
    pub(super) growth: &'a Mutex<GrowthWatch>,
    /// The files in the state folders, by the calls of the run that goes on.
    pub(super) files: &'a Mutex<GrowthWatch>,
    /// Where the plugin's state folders lie.
    pub(super) state: &'a Path,
    pub(super) stop: &'a Stop,
    pub(super) listen: &'a (dyn Fn(LoadProgress) + Sync),
}

/// What a run gave.
pub(super) struct PacedRun {
    pub(super) measured: Measured,
    /// Whether somebody asked it to end.
    pub(super) is_interrupted: bool,
    /// Whether so many sessions waited that no more were let in.
    pub(super) is_overrun: bool,
}

impl Pacer<'_> {
    /// Runs sessions at the rates of `profile` for `duration`, the first of them with number `first`.
    pub(super) fn run(
        &self,
        hosts: &mut [Box<dyn LoadExecutor>],
        profile: Profile,
        duration: Duration,
        first: u64,
    ) -> Result<PacedRun, RuntimeError> {
        let LoadSettings { arrivals, sessions, seed, rounds, isolation, think, .. } = *self.settings;
        let before = CpuSample::now();
        let schedule = Schedule::new(profile, arrivals, duration, sessions, seed);
        let shape = RunShape {
            duration: schedule.length(),
            rounds,
            in_flight: hosts.len(),
            isolation: name(isolation).to_owned(),
            arrivals,
            offered_rate: schedule.offered_rate(),
        };
        let clock = RunClock::start_in(LEAD);
        let shared = WorkerContext {
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
            for (at, host) in hosts.iter_mut().enumerate() {
                let shared = &shared;
                let lane = std::thread::Builder::new().name(format!("lane-{at}"));
                let lane = lane.spawn_scoped(scope, move || LoadWorker::new(shared, &mut **host, at == 0).work());
                if let Err(error) = lane {
                    shared.queue.fail(error.into());
                    break;
                }
            }
            let closing = CloseOnDrop(&shared.queue);
            scope.spawn(|| self.watch(&shared));
            let kept = self.keep(&shared, schedule, first);
            drop(closing);
            kept
        });
        let elapsed = clock.now();
        let after = CpuSample::now();
        let WorkerContext { queue, recorder, .. } = shared;
        if let Some(error) = queue.into_error() {
            return Err(error);
        }
        let recorder = recorder.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let plugin = recorder.cpu();
        let mut measured = recorder.finish(elapsed, kept.scheduled);
        measured.processors = before.until(&after, plugin, elapsed);
        Ok(PacedRun { measured, is_interrupted: kept.is_interrupted, is_overrun: kept.is_overrun })
    }

    /// Tells how it goes, and counts files, until the run is over: beside the schedule, which waits for nobody.
    fn watch(&self, shared: &WorkerContext<'_>) {
        let WorkerContext { queue, clock, recorder, .. } = shared;
        let mut next_files = Duration::ZERO;
        loop {
            let now = clock.now();
            if now >= next_files {
                let (files, took) = count_files(self.state);
                next_files = clock.now() + FILES_EVERY.max(took * FILES_SHARE);
                let calls = lock(recorder).calls();
                lock(self.files).sample(ResourceSample { calls, files: Some(files), ..ResourceSample::default() });
            }
            let pulse = lock(recorder).pulse(now);
            (self.listen)(pulse);
            if queue.wait_for_close(PULSE) {
                return;
            }
        }
    }

    /// Releases what is due until nothing is left, or nobody wants to wait any longer.
    fn keep(&self, shared: &WorkerContext<'_>, schedule: Schedule, first: u64) -> Kept {
        let length = schedule.length();
        let WorkerContext { queue, clock, recorder, .. } = shared;
        let mut schedule = schedule.enumerate().peekable();
        let mut kept = Kept::default();
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
                Ready::Call(visit) => {
                    recorder.unfinished(now.saturating_sub(visit.due + visit.thought));
                    queue.ended();
                }
            }
        }
        kept.scheduled = match length {
            // A run that was cut short was scheduled until then.
            _ if kept.is_interrupted || kept.is_overrun => now.min(length),
            Duration::MAX => last_due,
            _ => length,
        };
        kept
    }
}

/// As reports have it.
const fn name(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::Isolated => "isolated",
        Isolation::Persistent => "persistent",
    }
}

/// How the schedule was kept.
#[derive(Debug, Default)]
struct Kept {
    /// How long sessions were due for.
    scheduled: Duration,
    is_interrupted: bool,
    is_overrun: bool,
}

/// Lets lanes end whatever happens to the one who keeps the schedule.
struct CloseOnDrop<'a>(&'a ReadyQueue);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests;
