//! Starts workers, watches them, outlives them.
//!
//! A worker may die at any moment, the whole of it too, and then the host says which call did it, with the stack where it
//! can be had, and goes on with a fresh runner or a fresh worker. What a worker wrote is read as hostile bytes.

mod after;
mod batch_reply;
mod error;
mod load;
mod process;
mod programs;
mod server;
mod start;
mod venv;

use std::{path::PathBuf, sync::Arc, time::Duration};

pub(super) use self::after::refuses;
use self::{
    after::after,
    process::{Process, Waited},
};
pub(crate) use self::{batch_reply::BatchReply, programs::built_against};
pub use self::{error::RuntimeError, server::Server};
use crate::{
    case::Session,
    runtime::{
        Target,
        protocol::{
            control::{command, reply},
            flow::{After, Flow, Step},
            shared::{Phase, REQUEST_LIMIT, flag},
            stack,
            wire::Writer,
        },
        sandbox::MissingProtections,
    },
    trace::{
        Attempt, CallTrace, CallUsage, Edge, Ending, Frame, Instrumentation, LoadEnding, Loading, Observation, Trace,
    },
};

/// How calls share processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Many sessions in one process: fast.
    Persistent,
    /// A process for each call, as the platform does.
    Isolated,
}

/// What a campaign needs of a runtime. [`Worker`] is the real one; tests have their own.
pub trait Executor: Send {
    /// Runs sessions one after another and gives back a trace for each, in order. Persistent ones share a process until
    /// one of them changes what may carry state over, or ends the process.
    ///
    /// # Errors
    /// [`RuntimeError`] where the runtime itself failed; whatever a plugin does is in the trace.
    fn run(&mut self, sessions: &[Session], isolation: Isolation) -> Result<Vec<Trace>, RuntimeError>;

    /// Runs sessions as persistent ones, and watches what they do inside the plugin's code. Who cannot watch sees nothing.
    ///
    /// # Errors
    /// As [`Executor::run`].
    fn run_observed(
        &mut self,
        sessions: &[Session],
        _watch: Instrumentation,
    ) -> Result<Vec<Observation>, RuntimeError> {
        let traces = self.run(sessions, Isolation::Persistent)?;
        Ok(traces.into_iter().map(|trace| Observation { trace, ..Observation::default() }).collect())
    }

    /// Takes edges as known that others saw, so that sessions are not told for their sake.
    fn mark_seen(&mut self, _edges: &[Edge]) {}

    /// How many places of the plugin's own code are watched by [`Executor::run_observed`]; 0 where nothing could be.
    fn instrumented(&self) -> usize {
        0
    }

    /// Runs all sessions in one fresh process, without replacing it when state changed, and gives back the trace of the
    /// last one: how a session fares after others.
    ///
    /// # Errors
    /// As [`Executor::run`].
    fn run_after(&mut self, earlier: &[Session], session: &Session) -> Result<Trace, RuntimeError>;

    /// Runs a session isolated with another time limit for each call.
    ///
    /// # Errors
    /// As [`Executor::run`].
    fn run_with_timeout(&mut self, session: &Session, timeout: Duration) -> Result<Trace, RuntimeError>;

    /// The lines of the plugin's own files that ran so far in this worker: (index into [`Loading::files`], line).
    fn lines_hit(&self) -> Vec<(usize, u32)>;

    /// Whether isolated calls mark their lines too. They do not at first, since it costs more than the call.
    fn watch_isolated_lines(&mut self, _watch: bool) {}
}

/// How many sessions cross the process boundary at once.
const BATCH: usize = 64;
/// How often something of ours is tried again in a row when a runner or a worker died for no reason to be seen.
const TRIES: usize = 3;
/// The status with which a worker's process ends when it cannot do its own part.
const OUR_EXIT: i32 = 3;

/// A worker process and the host's end of it.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    target: Arc<Target>,
    /// Where the plugin's state folders are, if not its own.
    state: Option<PathBuf>,
    /// Whether the zygote imports the plugin; otherwise each child does.
    preloads: bool,
    /// Why a fresh process must take the place of this one, if so.
    lost: Option<RuntimeError>,
    loading: Arc<Loading>,
    standard_library: String,
    has_runner: bool,
    watches_isolated_lines: bool,
    /// Whether isolated calls tell what they cost.
    measures: bool,
    places: usize,
}

impl Worker {
    /// Starts a worker and loads the target's plugin in it.
    ///
    /// # Errors
    /// [`RuntimeError`] where no worker can be started. A plugin that cannot be loaded is in [`Loading`], and then
    /// running sessions is an error.
    pub fn start(target: &Arc<Target>) -> Result<(Self, Loading), RuntimeError> {
        let worker = Self::start_in(target, None)?;
        let loading = Loading::clone(&worker.loading);
        Ok((worker, loading))
    }

    /// Takes it that this worker's process is good for nothing any more.
    fn lose(&mut self, why: RuntimeError) {
        self.lost.get_or_insert(why);
        self.has_runner = false;
    }

    /// The same where the zygote is gone.
    fn lose_gone(&mut self) {
        let status = self.process.status();
        let why = self.process.died(status);
        self.lose(why);
    }

    /// How long it takes this worker's zygote to fork a child that ends at once, `times` times: what isolated calls are
    /// held against in the benches: `os.fork`, `os._exit`, `os.waitpid`.
    ///
    /// # Errors
    /// As [`Executor::run`].
    #[doc(hidden)]
    pub fn time_bare_forks(&mut self, times: u32) -> Result<Duration, RuntimeError> {
        self.end_runner();
        self.revive()?;
        let mut packet = [command::BARE, 0, 0, 0, 0];
        packet[1..].copy_from_slice(&times.to_le_bytes());
        let begin = std::time::Instant::now();
        let ended = self.process.command(&packet)
            && matches!(self.process.wait(self.target.limits.timeout, 1)?, Waited::Ended(_));
        if ended { Ok(begin.elapsed()) } else { Err(RuntimeError::Stuck) }
    }

    /// What the sandbox could not do on this machine.
    pub fn missing(&self) -> MissingProtections {
        self.process.missing()
    }

    /// The folder of Python's standard library.
    pub fn standard_library(&self) -> &str {
        &self.standard_library
    }

    /// The worker's program: beside this one, or where `HOOKSTORM_WORKER` says.
    ///
    /// # Errors
    /// [`RuntimeError::NoWorker`] where it is not there.
    pub fn program() -> Result<std::path::PathBuf, RuntimeError> {
        programs::worker()
    }

    /// What loading showed.
    pub fn loading(&self) -> &Loading {
        &self.loading
    }

    fn must_be_loaded(&self) -> Result<(), RuntimeError> {
        let loaded = self.loading.import == LoadEnding::Done && self.loading.has_class;
        if loaded { Ok(()) } else { Err(RuntimeError::NotLoaded) }
    }

    /// Ends the runner, if there is one.
    fn end_runner(&mut self) {
        if self.has_runner && !self.process.end_child() {
            self.lose(RuntimeError::Stuck);
        }
        self.has_runner = false;
    }

    /// Has a runner that waits for a batch. False where there is none this time.
    fn has_runner(&mut self) -> Result<bool, RuntimeError> {
        self.revive()?;
        if self.has_runner {
            return Ok(true);
        }
        self.process.forget_output();
        if !self.process.clear_scratch() {
            // The plugin took away the folders that its worker stands in and watches.
            self.lose(RuntimeError::Stuck);
            self.revive()?;
        }
        self.has_runner = self.process.command(&[command::RUNNER]);
        if !self.has_runner {
            self.lose_gone();
        }
        Ok(self.has_runner)
    }

    /// Runs sessions in one process after another; `flags` says how.
    fn persistent(&mut self, sessions: &[Session], flags: u32) -> Result<Vec<Observation>, RuntimeError> {
        self.must_be_loaded()?;
        let mut traces: Vec<Observation> = Vec::with_capacity(sessions.len());
        let mut failures = 0;
        let mut batch = BATCH;
        while traces.len() < sessions.len() {
            if failures > TRIES {
                return Err(self.lost.take().unwrap_or(RuntimeError::Stuck));
            }
            let before = traces.len();
            let rest = &sessions[before..];
            let rest = &rest[..rest.len().min(batch)];
            failures += 1;
            if !self.has_runner()? {
                continue;
            }
            self.write_batch(rest, flags)?;
            if !self.process.send_batch() {
                // Nobody reads, so the runner has ended or is about to.
                self.end_runner();
                continue;
            }
            let most = rest.iter().flat_map(|session| &session.calls).map(|call| 2 + call.answers.len()).sum();
            let waited = self.process.wait(self.target.limits.timeout, most)?;
            let phase = self.process.phase();
            // It may go on writing, so it is ended before what it wrote is read.
            let ending = self.batch_ended(waited, phase);
            let BatchReply { complete, partial, is_whole } = self.read_reply(rest);
            traces.extend(complete);
            let ending = match ending {
                _ if !is_whole => {
                    self.end_runner();
                    Some(Ending::Corrupted)
                }
                // It died between sessions: nothing says whose fault that is, so it is tried again.
                Some(Ending::Signalled { .. } | Ending::Exited { .. })
                    if phase == Phase::Idle && partial.trace.calls.is_empty() =>
                {
                    None
                }
                ending => ending,
            };
            if matches!(ending, Some(Ending::Corrupted)) && rest.len() > 1 && flags & flag::KEEP_STATE == 0 {
                // Which of them did it, nothing that was written tells. Alone, each answers for itself.
                batch = 1;
                traces.truncate(before);
                failures = 0;
                continue;
            }
            if let Some(ending) = ending
                && let Some(session) = sessions.get(traces.len())
            {
                traces.push(self.broken(session, partial, ending, flags));
            }
            if traces.len() > before {
                failures = 0;
            }
        }
        Ok(traces)
    }

    /// How a batch ended that did not end well.
    fn batch_ended(&mut self, waited: Waited, phase: Phase) -> Option<Ending> {
        match waited {
            // A runner says so between sessions; somebody else, whenever the plugin likes.
            Waited::Said(reply::DONE) if phase == Phase::Idle => None,
            Waited::Said(reply::RETIRED) if phase == Phase::Idle => {
                if !self.process.wait_for_end() {
                    self.lose(RuntimeError::Stuck);
                }
                self.has_runner = false;
                None
            }
            Waited::Said(_) => {
                self.end_runner();
                Some(Ending::Corrupted)
            }
            Waited::TimedOut => {
                let frames = self.stack_of_child();
                Some(Ending::TimedOut { limit: self.target.limits.timeout, frames })
            }
            Waited::Ended(status) => {
                self.has_runner = false;
                Some(self.ending_of_status(status))
            }
            Waited::Gone(_) | Waited::Silent => Some(self.lost_with(waited)),
        }
    }

    /// How a call ended that took the worker with it.
    fn lost_with(&mut self, waited: Waited) -> Ending {
        let Waited::Gone(status) = waited else {
            self.lose(RuntimeError::Stuck);
            return Ending::Corrupted;
        };
        let why = self.process.died(status);
        self.lose(why);
        // The zygote ends by itself only where it can no longer do its part.
        if status < 0 { self.ending_of_status(status) } else { Ending::Corrupted }
    }

    /// Asks the child where it is, and ends it.
    fn stack_of_child(&mut self) -> Vec<Frame> {
        let (frames, ended) = self.process.stack_of_child(&self.target.root, &self.standard_library);
        self.has_runner = false;
        if !ended {
            self.lose(RuntimeError::Stuck);
        }
        frames
    }

    fn write_batch(&mut self, sessions: &[Session], flags: u32) -> Result<(), RuntimeError> {
        let mut body = Writer::default();
        let mut count = 0;
        for session in sessions {
            let before = body.bytes.len();
            body.session(session);
            if body.bytes.len() + 16 > REQUEST_LIMIT {
                if count == 0 {
                    return Err(RuntimeError::SessionTooLarge(body.bytes.len() - before));
                }
                body.bytes.truncate(before);
                break;
            }
            count += 1;
        }
        let mut writer = Writer { bytes: Vec::with_capacity(body.bytes.len() + 16) };
        writer.number(count);
        writer.bytes.append(&mut body.bytes);
        self.process.shared.clear_reply();
        self.process.shared.header().flags.store(flags, std::sync::atomic::Ordering::Relaxed);
        self.process.shared.write_request(&writer.bytes);
        Ok(())
    }

    /// What the worker wrote down of `sessions`.
    fn read_reply(&self, sessions: &[Session]) -> BatchReply {
        BatchReply::read(&self.process.shared.read_reply(), Some(sessions), self.target.limits.memory_bytes)
    }

    /// The trace of a session that a call ended. Its cookies were in the process that is gone; the calls tell them. Its
    /// edges are still in the shared memory, what it compared is not.
    fn broken(&mut self, session: &Session, partial: Observation, ending: Ending, flags: u32) -> Observation {
        let Observation { trace: mut partial, mut edges, comparisons, usage, process_usage } = partial;
        let shared = &self.process.shared;
        let watched = flags & (flag::EDGES | flag::COMPARISONS) != 0;
        if watched && edges.is_empty() && (flags & flag::COMPARISONS != 0 || shared.has_new_edges()) {
            edges = shared.edges();
            shared.mark_seen(&edges);
        }
        self.process.distrust_scratch();
        if self.process.phase() == Phase::Call || partial.calls.is_empty() {
            let mut call = self.call_that_runs(session, ending);
            if let Some(last) = partial.calls.last()
                && (last.call, last.round) == (call.call, call.round)
            {
                // It died while what it did was being written down.
                call = CallTrace { ending: call.ending, ..last.clone() };
                partial.calls.pop();
            }
            partial.calls.push(call);
        } else if let Some(last) = partial.calls.last_mut() {
            // Something that the call left behind ended the process.
            last.ending = ending;
        }
        partial.cookie.clone_from(&session.cookie);
        partial.session_cookie.clone_from(&session.session_cookie);
        for call in std::mem::take(&mut partial.calls) {
            after(&call, &mut partial);
            partial.calls.push(call);
        }
        Observation { trace: partial, edges, comparisons, usage, process_usage }
    }

    /// What the call or the step of loading that runs, or ran, has tried.
    fn attempts(&self) -> Vec<Attempt> {
        stack::attempts(&self.process.shared, &self.target.root, &self.standard_library)
    }

    /// The call of `session` that the worker makes, or made when it died, with how it ended.
    fn call_that_runs(&self, session: &Session, ending: Ending) -> CallTrace {
        let mut seen = CallTrace { attempts: self.attempts(), ..self.process.call_that_runs(ending) };
        // Which it is was the worker's word, and a plugin can write over it.
        if session.calls.get(seen.call).is_none_or(|call| call.hook != seen.hook || seen.round > call.answers.len()) {
            (seen.call, seen.round) = (0, 0);
            seen.hook = session.calls.first().map_or(seen.hook, |call| call.hook);
        }
        seen
    }

    /// The call that was to be made, with how it ended.
    fn call_at(&self, session: &Session, step: Step, ending: Ending) -> CallTrace {
        CallTrace {
            call: step.call,
            round: step.round,
            hook: session.calls[step.call].hook,
            answer_is_secret: step.answer_is_secret,
            attempts: self.attempts(),
            ..self.process.call_that_runs(ending)
        }
    }

    fn ending_of_status(&self, status: i32) -> Ending {
        let frames = self.process.fault_frames(&self.target.root, &self.standard_library);
        match status {
            ..0 => Ending::Signalled { signal: -status, frames },
            _ => Ending::Exited { status, frames },
        }
    }

    fn isolated(&mut self, session: &Session, timeout: Duration) -> Result<Trace, RuntimeError> {
        self.must_be_loaded()?;
        self.end_runner();
        self.revive()?;
        if !self.process.clear_scratch() {
            // The plugin took away the folders that its worker stands in and watches.
            self.lose(RuntimeError::Stuck);
            self.revive()?;
        }
        self.process.fill_scratch(&session.services);
        let mut trace = Trace {
            cookie: session.cookie.clone(),
            session_cookie: session.session_cookie.clone(),
            ..Trace::default()
        };
        let mut flow = Flow::default();
        while let Some(step) = flow.step(session) {
            let (call, _) = self.isolated_call(session, step, &flow.answered, &trace, timeout)?;
            let after = after(&call, &mut trace);
            if after == After::Broke {
                // It may have left what it did not live to tell.
                self.process.distrust_scratch();
            }
            trace.calls.push(call);
            flow.ended(session, after);
        }
        if !self.process.clear_scratch() {
            self.lose(RuntimeError::Stuck);
        }
        Ok(trace)
    }

    fn isolated_call(
        &mut self,
        session: &Session,
        step: Step,
        answered: &[(String, String)],
        trace: &Trace,
        timeout: Duration,
    ) -> Result<(CallTrace, Option<CallUsage>), RuntimeError> {
        let mut writer = Writer::default();
        writer.number(step.call as u64);
        writer.number(step.round as u64);
        writer.byte(u8::from(step.answer_is_secret));
        writer.value(&trace.cookie);
        writer.value(&trace.session_cookie);
        writer.options(&session.options);
        writer.value(&session.services);
        writer.number(answered.len() as u64);
        for (key, answer) in answered {
            writer.blob(key.as_bytes());
            writer.blob(answer.as_bytes());
        }
        writer.call(&session.calls[step.call]);
        for _ in 0..TRIES {
            self.revive()?;
            self.process.shared.clear_reply();
            if !self.process.shared.write_request(&writer.bytes) {
                return Err(RuntimeError::SessionTooLarge(writer.bytes.len()));
            }
            self.process.forget_output();
            let flags = (if self.watches_isolated_lines { flag::LINES } else { 0 })
                | (if self.measures { flag::USAGE } else { 0 });
            self.process.shared.header().flags.store(flags, std::sync::atomic::Ordering::Relaxed);
            if !self.process.command(&[command::CALL]) {
                self.lose_gone();
                continue;
            }
            let waited = self.process.wait(timeout, 2)?;
            let phase = self.process.phase();
            let mut ending = match waited {
                Waited::TimedOut => Ending::TimedOut { limit: timeout, frames: self.stack_of_child() },
                Waited::Ended(status) => self.ending_of_status(status),
                Waited::Gone(_) | Waited::Said(_) | Waited::Silent => self.lost_with(waited),
            };
            let BatchReply { partial, is_whole, .. } = self.read_reply(std::slice::from_ref(session));
            if !is_whole {
                ending = Ending::Corrupted;
            }
            let usage = partial.usage.first().copied();
            let record = partial.trace.calls.into_iter().next();
            match record.filter(|call| (call.call, call.round) == (step.call, step.round)) {
                Some(call) if waited == Waited::Ended(0) && is_whole => return Ok((call, usage)),
                // Something that the call left running ended the process after it.
                Some(call) => return Ok((CallTrace { ending, ..call }, usage)),
                None if phase == Phase::Idle && !matches!(ending, Ending::Corrupted | Ending::TimedOut { .. }) => {}
                None => return Ok((self.call_at(session, step, ending), None)),
            }
        }
        Err(self.lost.take().unwrap_or(RuntimeError::Stuck))
    }
}

impl Executor for Worker {
    fn run(&mut self, sessions: &[Session], isolation: Isolation) -> Result<Vec<Trace>, RuntimeError> {
        match isolation {
            Isolation::Persistent => {
                Ok(self.persistent(sessions, 0)?.into_iter().map(|watched| watched.trace).collect())
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
        let traces = self.persistent(&sessions, flag::KEEP_STATE)?;
        self.end_runner();
        traces.into_iter().next_back().map(|watched| watched.trace).ok_or(RuntimeError::Stuck)
    }

    fn run_observed(&mut self, sessions: &[Session], watch: Instrumentation) -> Result<Vec<Observation>, RuntimeError> {
        let flags = match watch {
            _ if self.places == 0 => 0,
            Instrumentation::NewEdges => flag::EDGES,
            Instrumentation::Comparisons => flag::EDGES | flag::COMPARISONS,
        };
        self.persistent(sessions, flags)
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
            .filter(|(number, _)| self.process.shared.was_hit(*number))
            .map(|(_, line)| line)
            .collect()
    }
}
