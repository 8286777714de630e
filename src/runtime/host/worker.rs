//! A worker for one plugin: its process, its replacement when it is lost, and the calls to the rest of this room.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{RuntimeError, early_end::EarlyEnd, process::Process, programs, wait::WorkerEvent};
use crate::{
    case::Session,
    runtime::{
        Executor, Isolation, KnownHang, Target,
        protocol::{control::command, shared::flag, stack},
        sandbox::MissingProtections,
    },
    trace::{Attempt, CallTrace, Edge, Ending, Frame, Instrumentation, LoadEnding, Loading, Observation, Trace},
};

/// How often the host tries again in a row when a runner or a worker died for no visible reason.
pub(super) const TRIES: usize = 3;
/// The exit status of a worker's process that cannot do its own part.
pub(super) const OWN_FAILURE: i32 = 3;

/// A worker and the host's end of it.
#[derive(Debug)]
pub struct Worker {
    pub(super) process: Process,
    pub(super) target: Arc<Target>,
    /// The folder with the plugin's state folders, if they are not the worker's own.
    pub(super) state: Option<PathBuf>,
    /// Whether the zygote imports the plugin; otherwise each child does.
    pub(super) preloads: bool,
    /// Why the process has to be replaced, if it has to.
    pub(super) lost: Option<RuntimeError>,
    pub(super) loading: Arc<Loading>,
    pub(super) standard_library: String,
    pub(super) has_runner: bool,
    pub(super) watches_isolated_lines: bool,
    /// Whether isolated calls report what they cost.
    pub(super) measures: bool,
    /// How many places of the plugin's code are instrumented.
    pub(super) places: usize,
    pub(super) early_end: EarlyEnd,
}

impl Worker {
    /// Starts a worker and loads the target's plugin in it.
    ///
    /// # Errors
    /// [`RuntimeError`] if no worker can be started. If the plugin cannot be loaded, [`Loading`] says why, and then
    /// running sessions is an error.
    pub fn start(target: &Arc<Target>) -> Result<(Self, Loading), RuntimeError> {
        let worker = Self::start_in(target, None)?;
        let loading = Loading::clone(&worker.loading);
        Ok((worker, loading))
    }

    /// What loading showed.
    pub fn loading(&self) -> &Loading {
        &self.loading
    }

    /// The protections that this machine withheld.
    pub fn missing(&self) -> MissingProtections {
        self.process.missing()
    }

    /// The folder of Python's standard library.
    pub fn standard_library(&self) -> &str {
        &self.standard_library
    }

    /// The worker's program: what `HOOKSTORM_WORKER` names, otherwise the one beside this program.
    ///
    /// # Errors
    /// [`RuntimeError::NoWorker`] if there is none.
    pub fn program() -> Result<PathBuf, RuntimeError> {
        programs::worker()
    }

    /// How long this worker's zygote takes to fork a child that exits at once, `times` times: `os.fork`, `os._exit`,
    /// `os.waitpid`. The benches compare isolated calls with it.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub fn time_forks(&mut self, times: u32) -> Result<Duration, RuntimeError> {
        self.end_runner();
        self.replace_if_lost()?;
        let mut packet = [command::FORKS, 0, 0, 0, 0];
        packet[1..].copy_from_slice(&times.to_le_bytes());
        let begin = Instant::now();
        let ended = self.process.command(&packet)
            && matches!(self.process.wait(self.target.limits.timeout, 1)?, WorkerEvent::ChildEnded(_));
        if ended { Ok(begin.elapsed()) } else { Err(RuntimeError::Stuck) }
    }

    /// Marks this worker's process as lost: it has to be replaced.
    pub(super) fn lose(&mut self, reason: RuntimeError) {
        self.lost.get_or_insert(reason);
        self.has_runner = false;
    }

    /// Marks it as lost since the zygote is gone.
    pub(super) fn lose_gone(&mut self) {
        let status = self.process.status();
        let reason = self.process.died(status);
        self.lose(reason);
    }

    /// How a call ended that took the worker with it.
    pub(super) fn lose_with(&mut self, event: WorkerEvent) -> Ending {
        let WorkerEvent::Gone(status) = event else {
            self.lose(RuntimeError::Stuck);
            return Ending::Corrupted;
        };
        let reason = self.process.died(status);
        self.lose(reason);
        // The zygote exits by itself only if it cannot do its part any more.
        if status < 0 { self.ending_of_status(status) } else { Ending::Corrupted }
    }

    /// Empties the scratch folder before a session. A worker whose plugin removed the folders in which it works is
    /// replaced.
    pub(super) fn prepare_scratch(&mut self) -> Result<(), RuntimeError> {
        if !self.process.clear_scratch() {
            self.lose(RuntimeError::Stuck);
            self.replace_if_lost()?;
        }
        Ok(())
    }

    pub(super) fn must_be_loaded(&self) -> Result<(), RuntimeError> {
        let loaded = self.loading.import == LoadEnding::Done && self.loading.has_class;
        if loaded { Ok(()) } else { Err(RuntimeError::NotLoaded) }
    }

    /// Asks the child for its stack, and kills it.
    pub(super) fn stack_of_child(&mut self) -> Vec<Frame> {
        let (frames, ended) = self.process.stack_of_child(&self.target.root, &self.standard_library);
        self.has_runner = false;
        if !ended {
            self.lose(RuntimeError::Stuck);
        }
        frames
    }

    /// What the call or the step of loading that runs, or ran, has tried.
    pub(super) fn attempts(&self) -> Vec<Attempt> {
        stack::attempts(&self.process.shared, &self.target.root, &self.standard_library)
    }

    /// The call of `session` that the worker makes, or made when it died, with its ending.
    pub(super) fn current_call(&self, session: &Session, ending: Ending) -> CallTrace {
        let mut call = CallTrace { attempts: self.attempts(), ..self.process.current_call(ending) };
        // The shared memory says which one it is, and a plugin can write over that.
        if session.calls.get(call.call).is_none_or(|known| known.hook != call.hook || call.round > known.answers.len())
        {
            (call.call, call.round) = (0, 0);
            call.hook = session.calls.first().map_or(call.hook, |first| first.hook);
        }
        call
    }

    pub(super) fn ending_of_status(&self, status: i32) -> Ending {
        let frames = self.process.fault_frames(&self.target.root, &self.standard_library);
        match status {
            ..0 => Ending::Signalled { signal: -status, frames },
            _ => Ending::Exited { status, frames },
        }
    }

    /// How sessions are run to be observed: bits of [`flag`].
    const fn flags_for(&self, instrumentation: Instrumentation) -> u32 {
        match instrumentation {
            _ if self.places == 0 => 0,
            Instrumentation::NewEdges => flag::EDGES,
            Instrumentation::Comparisons => flag::EDGES | flag::COMPARISONS,
        }
    }

    /// Writes how the next sessions or calls are run: bits of [`flag`].
    pub(super) fn set_flags(&self, flags: u32) {
        self.process.shared.header().flags.store(flags, Ordering::Relaxed);
    }
}

impl Executor for Worker {
    fn run(&mut self, sessions: &[Session], isolation: Isolation) -> Result<Vec<Trace>, RuntimeError> {
        match isolation {
            Isolation::Persistent => {
                Ok(self.persistent(sessions, 0, false)?.into_iter().map(|observation| observation.trace).collect())
            }
            Isolation::Isolated => {
                sessions.iter().map(|session| self.isolated(session, self.target.limits.timeout)).collect()
            }
        }
    }

    fn run_after(&mut self, earlier: &[Session], session: &Session) -> Result<Trace, RuntimeError> {
        self.end_runner();
        let mut sessions = earlier.to_vec();
        sessions.push(session.clone());
        let observations = self.persistent(&sessions, flag::KEEP_STATE, false)?;
        self.end_runner();
        observations.into_iter().next_back().map(|last| last.trace).ok_or(RuntimeError::Stuck)
    }

    fn run_observed(
        &mut self,
        sessions: &[Session],
        instrumentation: Instrumentation,
    ) -> Result<Vec<Observation>, RuntimeError> {
        self.persistent(sessions, self.flags_for(instrumentation), false)
    }

    fn run_until_timeout(
        &mut self,
        sessions: &[Session],
        instrumentation: Instrumentation,
    ) -> Result<Vec<Observation>, RuntimeError> {
        self.persistent(sessions, self.flags_for(instrumentation), true)
    }

    fn end_early(&mut self, hangs: &[KnownHang]) {
        self.early_end.set(hangs);
    }

    fn mark_seen(&mut self, edges: &[Edge]) {
        self.process.shared.mark_seen(edges);
    }

    fn instrumented(&self) -> usize {
        self.places
    }

    fn run_with_timeout(&mut self, session: &Session, timeout: Duration) -> Result<Trace, RuntimeError> {
        self.isolated(session, timeout)
    }

    fn watch_isolated_lines(&mut self, watch: bool) {
        self.watches_isolated_lines = watch;
    }

    fn lines_hit(&self) -> Vec<(usize, u32)> {
        let lines = self.loading.files.iter().enumerate();
        lines
            .flat_map(|(index, file)| file.lines.iter().map(move |&line| (index, line)))
            .enumerate()
            .filter(|(number, _)| self.process.shared.is_line_marked(*number))
            .map(|(_, line)| line)
            .collect()
    }
}
