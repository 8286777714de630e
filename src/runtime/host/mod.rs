//! Starts workers, watches them, outlives them.
//!
//! A worker may die at any moment, and then the host says which call did it, with the stack where it can be had, and goes
//! on with a fresh runner. What a worker wrote is read as hostile bytes.

mod process;
mod server;
mod start;

use std::{path::Path, sync::Arc, time::Duration};

use thiserror::Error;

use self::process::{Process, Waited};
pub use self::server::Server;
use crate::{
    case::{Session, Value},
    contract::Hook,
    generate::configured_services,
    runtime::{
        Attempt, CallTrace, Edge, Ending, HookSeen, LoadEnding, Loading, Observed, Target, Trace, Usage, Watch,
        Watched,
        control::{ConstructReply, HookReply, LoadReply, LoadRequest, order, word},
        flow::{After, Flow, Step, after_verdict},
        reply,
        sandbox::Missing,
        shared::{Phase, REQUEST_LIMIT, flag},
        stack,
        wire::Writer,
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
pub trait Run: Send {
    /// Runs sessions one after another and gives back a trace for each, in order. Persistent ones share a process until
    /// one of them changes what may carry state over, or ends the process.
    ///
    /// # Errors
    /// [`RuntimeError`] where the runtime itself failed; whatever a plugin does is in the trace.
    fn run(&mut self, sessions: &[Session], isolation: Isolation) -> Result<Vec<Trace>, RuntimeError>;

    /// Runs sessions as persistent ones, and watches what they do inside the plugin's code. Who cannot watch sees nothing.
    ///
    /// # Errors
    /// As [`Run::run`].
    fn run_watched(&mut self, sessions: &[Session], _watch: Watch) -> Result<Vec<Watched>, RuntimeError> {
        let traces = self.run(sessions, Isolation::Persistent)?;
        Ok(traces.into_iter().map(|trace| Watched { trace, ..Watched::default() }).collect())
    }

    /// Takes edges as known that others saw, so that sessions are not told for their sake.
    fn mark_seen(&mut self, _edges: &[Edge]) {}

    /// How many places of the plugin's own code are watched by [`Run::run_watched`]; 0 where nothing could be.
    fn instrumented(&self) -> usize {
        0
    }

    /// Runs all sessions in one fresh process, without replacing it when state changed, and gives back the trace of the
    /// last one: how a session fares after others.
    ///
    /// # Errors
    /// As [`Run::run`].
    fn run_after(&mut self, earlier: &[Session], session: &Session) -> Result<Trace, RuntimeError>;

    /// Runs a session isolated with another time limit for each call.
    ///
    /// # Errors
    /// As [`Run::run`].
    fn run_with_timeout(&mut self, session: &Session, timeout: Duration) -> Result<Trace, RuntimeError>;

    /// The lines of the plugin's own files that ran so far in this worker: (index into [`Loading::files`], line).
    fn lines_hit(&self) -> Vec<(usize, u32)>;

    /// Whether isolated calls mark their lines too. They do not at first, since it costs more than the call.
    fn watch_isolated_lines(&mut self, _watch: bool) {}
}

/// Why a worker cannot be had, or went wrong by itself.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The worker's program is not beside the host's.
    #[error("`hookstorm-worker` is not beside `{0}`")]
    NoWorker(std::path::PathBuf),
    /// The dynamic linker did not find CPython.
    #[error("CPython {version} cannot be loaded: {detail}")]
    NoLibpython {
        /// The version that this hookstorm was built against.
        version: &'static str,
        /// What the linker said.
        detail: String,
    },
    /// No virtual environment there.
    #[error("`{0}` is not a virtual environment: it has no `pyvenv.cfg`")]
    NoVenv(std::path::PathBuf),
    /// A virtual environment of another Python.
    #[error("the virtual environment `{path}` is of Python {found}, and this hookstorm runs plugins on {version}")]
    VenvVersion {
        /// The environment.
        path: std::path::PathBuf,
        /// Its version.
        found: String,
        /// Ours.
        version: &'static str,
    },
    /// The worker could not be started.
    #[error("the worker cannot be started: {0}")]
    Start(#[from] std::io::Error),
    /// The worker's program could not be started.
    #[error("the worker `{path}` cannot be started: {source}")]
    Program {
        /// The program.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The program is no worker, or ends or hangs at its start.
    #[error("the worker `{path}` {what}{}", said(.stderr))]
    NotAWorker {
        /// The program.
        path: std::path::PathBuf,
        /// What it did.
        what: String,
        /// What it said.
        stderr: String,
    },
    /// There is no place for what the plugin writes.
    #[error("no scratch folder can be made in `{path}`: {source}")]
    Scratch {
        /// Where.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The worker ended by itself, outside of the plugin's code.
    #[error("the worker ended unexpectedly ({status}){}", said(.stderr))]
    Died {
        /// How.
        status: String,
        /// What it said.
        stderr: String,
    },
    /// The worker does not answer, outside of the plugin's code.
    #[error("the worker does not answer")]
    Stuck,
    /// The session is too large to be handed over.
    #[error("the session has {0} bytes, and the most that can be run are {REQUEST_LIMIT}")]
    SessionTooLarge(usize),
    /// The worker's reply is none.
    #[error("the worker's reply is malformed: {0}")]
    Reply(String),
    /// The plugin could not be loaded, so nothing can be run.
    #[error("the plugin could not be loaded")]
    NotLoaded,
}

fn said(stderr: &str) -> String {
    if stderr.trim().is_empty() { String::new() } else { format!(": {}", stderr.trim()) }
}

/// The version of CPython that plugins run on, `3.11`.
pub(crate) const PYTHON_VERSION: &str = env!("HOOKSTORM_PYTHON_VERSION");

/// How long importing and constructing a plugin may take.
const LOAD_LIMIT: Duration = Duration::from_secs(60);
/// How many sessions cross the process boundary at once.
const BATCH: usize = 64;
/// How often one call of ours is tried again when a runner died between calls for no reason to be seen.
const TRIES: usize = 3;

/// A worker process and the host's end of it.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    target: Arc<Target>,
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

    /// The same with state folders in `state` instead of its own.
    fn start_in(target: &Arc<Target>, state: Option<&Path>) -> Result<Self, RuntimeError> {
        let (worker, threads) = Self::start_with(target, state, true)?;
        // A process that has threads cannot be forked as a whole: then each child imports for itself.
        Ok(if threads > 1 { Self::start_with(target, state, false)?.0 } else { worker })
    }

    fn start_with(target: &Arc<Target>, state: Option<&Path>, preload: bool) -> Result<(Self, usize), RuntimeError> {
        let site_packages = target.venv.as_deref().map(process::site_packages).transpose()?.unwrap_or_default();
        let mut process = Process::spawn(target, state)?;
        process.await_first_word()?;
        let request = LoadRequest {
            root: target.root.clone(),
            entry_point: target.entry_point.clone(),
            configuration: target.configuration.clone(),
            site_packages,
            scratch: process.scratch().to_owned(),
            state: state.map(Path::to_owned),
            destinations: target.network.destinations().to_vec(),
            readable: target.sandbox.readable.clone(),
            coverage: target.coverage,
            instrument: target.instrument,
            preload,
            hooks: Hook::ALL.iter().map(|hook| hook.name().to_owned()).collect(),
            services: configured_services(&target.configuration),
        };
        let json = serde_json::to_vec(&request).expect("a request holds only paths and text");
        let header = process.shared.header();
        header.memory_bytes.store(target.limits.memory_bytes, std::sync::atomic::Ordering::Relaxed);
        if !process.shared.write_request(&json) {
            return Err(RuntimeError::SessionTooLarge(json.len()));
        }
        process.order(&[order::LOAD])?;
        let mut worker = Self {
            process,
            target: Arc::clone(target),
            loading: Arc::new(not_loaded(LoadEnding::Done)),
            standard_library: String::new(),
            has_runner: false,
            watches_isolated_lines: false,
            measures: false,
            places: 0,
        };
        let mut loading = not_loaded(LoadEnding::Done);
        let mut threads = 1;
        match worker.process.wait(LOAD_LIMIT)? {
            Waited::Said(word::LOADED) => {
                let reply: LoadReply = serde_json::from_slice(&worker.process.shared.read_reply())
                    .map_err(|error| RuntimeError::Reply(error.to_string()))?;
                if preload {
                    threads = reply.threads;
                    worker.standard_library.clone_from(&reply.standard_library);
                    worker.places = reply.places;
                    take_in(&mut loading, reply);
                }
            }
            // Before the plugin's first line nothing is the plugin's fault.
            Waited::Gone(status) if worker.process.phase() != Phase::Import => return Err(worker.process.died(status)),
            other => loading.import = worker.step_ended(other)?,
        }
        loading.output = worker.process.output_since_start();
        loading.attempts = worker.attempts();
        if threads > 1 {
            worker.loading = Arc::new(loading);
            return Ok((worker, threads));
        }
        if (loading.has_class || !preload) && loading.import == LoadEnding::Done {
            worker.construct(&mut loading)?;
        }
        worker.loading = Arc::new(loading);
        Ok((worker, threads))
    }

    /// Constructs `Plugin` in a process of its own.
    fn construct(&mut self, loading: &mut Loading) -> Result<(), RuntimeError> {
        self.process.forget_output();
        self.process.shared.forget_attempts();
        self.process.order(&[order::CONSTRUCT])?;
        let waited = self.process.wait(LOAD_LIMIT)?;
        let phase = self.process.phase();
        loading.attempts.extend(self.attempts());
        let reply = match waited {
            Waited::Ended(0) => serde_json::from_slice::<ConstructReply>(&self.process.shared.read_reply()).ok(),
            _ => None,
        };
        let Some(reply) = reply else {
            let ending = self.step_ended(waited)?;
            match phase {
                Phase::Import => loading.import = ending,
                _ => loading.constructor = Some(ending),
            }
            return Ok(());
        };
        if let Some(load) = reply.load {
            self.standard_library.clone_from(&load.standard_library);
            self.places = load.places;
            take_in(loading, load);
            if loading.import != LoadEnding::Done || !loading.has_class {
                return Ok(());
            }
        }
        loading.constructor = Some(ending_of(reply.raised, reply.exited));
        loading.hooks.extend(reply.more_hooks.into_iter().filter_map(hook_seen));
        loading.output.push_str(&self.process.output_since_start());
        Ok(())
    }

    /// How a step of loading ended that did not end well.
    fn step_ended(&mut self, waited: Waited) -> Result<LoadEnding, RuntimeError> {
        Ok(match waited {
            Waited::TimedOut => {
                let frames = self.process.stack_of_zygote(&self.target.root, &self.standard_library);
                LoadEnding::TimedOut { limit_seconds: LOAD_LIMIT.as_secs(), frames }
            }
            Waited::Ended(status) | Waited::Gone(status) => {
                let frames = self.process.fault_frames(&self.target.root, &self.standard_library);
                match status {
                    ..0 => LoadEnding::Signalled { signal: -status, frames },
                    _ => LoadEnding::Exited { status, frames },
                }
            }
            Waited::Said(_) => return Err(RuntimeError::Reply("an unexpected word".into())),
        })
    }

    /// How long it takes this worker's zygote to fork a child that ends at once, `times` times: what isolated calls are
    /// held against in the benches: `os.fork`, `os._exit`, `os.waitpid`.
    ///
    /// # Errors
    /// As [`Run::run`].
    #[doc(hidden)]
    pub fn time_bare_forks(&mut self, times: u32) -> Result<Duration, RuntimeError> {
        self.end_runner()?;
        let mut packet = [order::BARE, 0, 0, 0, 0];
        packet[1..].copy_from_slice(&times.to_le_bytes());
        let begin = std::time::Instant::now();
        self.process.order(&packet)?;
        self.process.wait_for_end()?;
        Ok(begin.elapsed())
    }

    /// What the sandbox could not do on this machine.
    pub fn missing(&self) -> Missing {
        self.process.missing()
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
    fn end_runner(&mut self) -> Result<(), RuntimeError> {
        if self.has_runner {
            self.process.signal(rustix::process::Signal::KILL)?;
            self.process.wait_for_end()?;
            self.has_runner = false;
        }
        Ok(())
    }

    /// Runs sessions in one process after another; `flags` says how.
    fn persistent(&mut self, sessions: &[Session], flags: u32) -> Result<Vec<Watched>, RuntimeError> {
        self.must_be_loaded()?;
        let mut traces: Vec<Watched> = Vec::with_capacity(sessions.len());
        let mut failures = 0;
        while traces.len() < sessions.len() {
            if !self.has_runner {
                self.process.forget_output();
                self.process.clear_scratch();
                self.process.order(&[order::RUNNER])?;
                self.has_runner = true;
            }
            self.write_batch(&sessions[traces.len()..], flags)?;
            self.process.send_batch()?;
            let waited = self.process.wait(self.target.limits.timeout)?;
            let stack = match waited {
                Waited::TimedOut => Some(self.process.stack_of_child(&self.target.root, &self.standard_library)?),
                _ => None,
            };
            let (complete, partial) = self.read_traces()?;
            let before = traces.len();
            traces.extend(complete);
            traces.truncate(sessions.len());
            let session = sessions.get(traces.len());
            match waited {
                Waited::Said(word::DONE) => {}
                Waited::Said(word::RETIRED) => {
                    self.process.wait_for_end()?;
                    self.has_runner = false;
                }
                Waited::Said(_) => return Err(RuntimeError::Reply("an unexpected word".into())),
                Waited::Gone(status) => return Err(self.process.died(status)),
                Waited::TimedOut => {
                    let ending =
                        Ending::TimedOut { limit: self.target.limits.timeout, frames: stack.unwrap_or_default() };
                    traces.push(self.broken(session, partial, ending, flags));
                    self.has_runner = false;
                }
                Waited::Ended(status) => {
                    self.has_runner = false;
                    if self.process.phase() != Phase::Call && partial.trace.calls.is_empty() {
                        // It died between sessions: nothing says whose fault that is, so it is tried again.
                        failures += 1;
                        if failures > TRIES {
                            return Err(self.process.died(status));
                        }
                        continue;
                    }
                    let ending = self.ending_of_status(status);
                    traces.push(self.broken(session, partial, ending, flags));
                }
            }
            if traces.len() == before {
                failures += 1;
                if failures > TRIES {
                    return Err(RuntimeError::Stuck);
                }
            } else {
                failures = 0;
            }
        }
        Ok(traces)
    }

    fn write_batch(&mut self, sessions: &[Session], flags: u32) -> Result<(), RuntimeError> {
        let mut body = Writer::default();
        let mut count = 0;
        for session in sessions.iter().take(BATCH) {
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

    /// The sessions that are whole in the reply, and the calls of one that is not.
    fn read_traces(&self) -> Result<(Vec<Watched>, Watched), RuntimeError> {
        reply::read(&self.process.shared.read_reply(), self.target.limits.memory_bytes)
            .map_err(|error| RuntimeError::Reply(error.to_string()))
    }

    /// The trace of a session that a call ended. Its cookies were in the process that is gone; the calls tell them. Its
    /// edges are still in the shared memory, what it compared is not.
    fn broken(&mut self, session: Option<&Session>, partial: Watched, ending: Ending, flags: u32) -> Watched {
        let Watched { trace: mut partial, mut edges, comparisons, usage, holding } = partial;
        let shared = &self.process.shared;
        let watched = flags & (flag::EDGES | flag::COMPARISONS) != 0;
        if watched && edges.is_empty() && (flags & flag::COMPARISONS != 0 || shared.has_new_edges()) {
            edges = shared.edges();
            shared.mark_seen(&edges);
        }
        self.process.distrust_scratch();
        if self.process.phase() == Phase::Call {
            let mut call = self.call_that_runs(ending);
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
        if let Some(session) = session {
            partial.cookie.clone_from(&session.cookie);
            partial.session_cookie.clone_from(&session.session_cookie);
        }
        for call in std::mem::take(&mut partial.calls) {
            after(&call, &mut partial);
            partial.calls.push(call);
        }
        Watched { trace: partial, edges, comparisons, usage, holding }
    }

    /// What the call or the step of loading that runs, or ran, has tried.
    fn attempts(&self) -> Vec<Attempt> {
        stack::attempts(&self.process.shared, &self.target.root, &self.standard_library)
    }

    /// The call that the worker makes, or made when it died, with how it ended.
    fn call_that_runs(&self, ending: Ending) -> CallTrace {
        CallTrace { attempts: self.attempts(), ..self.process.call_that_runs(ending) }
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
        self.end_runner()?;
        self.process.clear_scratch();
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
        self.process.clear_scratch();
        Ok(trace)
    }

    fn isolated_call(
        &mut self,
        session: &Session,
        step: Step,
        answered: &[(String, String)],
        trace: &Trace,
        timeout: Duration,
    ) -> Result<(CallTrace, Option<Usage>), RuntimeError> {
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
            self.process.shared.clear_reply();
            if !self.process.shared.write_request(&writer.bytes) {
                return Err(RuntimeError::SessionTooLarge(writer.bytes.len()));
            }
            self.process.forget_output();
            let flags = (if self.watches_isolated_lines { flag::LINES } else { 0 })
                | (if self.measures { flag::USAGE } else { 0 });
            self.process.shared.header().flags.store(flags, std::sync::atomic::Ordering::Relaxed);
            self.process.order(&[order::CALL])?;
            let waited = self.process.wait(timeout)?;
            match waited {
                Waited::TimedOut => {
                    let frames = self.process.stack_of_child(&self.target.root, &self.standard_library)?;
                    let ending = Ending::TimedOut { limit: timeout, frames };
                    return Ok((self.call_that_runs(ending), None));
                }
                Waited::Ended(status) => {
                    let (_, partial) = self.read_traces()?;
                    let usage = partial.usage.first().copied();
                    let record = partial.trace.calls.into_iter().next();
                    match record {
                        Some(call) if status == 0 => return Ok((call, usage)),
                        // Something that the call left running ended the process after it.
                        Some(call) => return Ok((CallTrace { ending: self.ending_of_status(status), ..call }, usage)),
                        None if self.process.phase() == Phase::Call => {
                            let ending = self.ending_of_status(status);
                            return Ok((self.call_that_runs(ending), None));
                        }
                        None => {}
                    }
                }
                Waited::Gone(status) => return Err(self.process.died(status)),
                Waited::Said(_) => return Err(RuntimeError::Reply("an unexpected word".into())),
            }
        }
        Err(RuntimeError::Stuck)
    }
}

impl Run for Worker {
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
        self.end_runner()?;
        let mut sessions = earlier.to_vec();
        sessions.push(session.clone());
        let traces = self.persistent(&sessions, flag::KEEP_STATE)?;
        self.end_runner()?;
        traces.into_iter().next_back().map(|watched| watched.trace).ok_or(RuntimeError::Stuck)
    }

    fn run_watched(&mut self, sessions: &[Session], watch: Watch) -> Result<Vec<Watched>, RuntimeError> {
        let flags = match watch {
            _ if self.places == 0 => 0,
            Watch::NewEdges => flag::EDGES,
            Watch::Comparisons => flag::EDGES | flag::COMPARISONS,
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

/// Whether a call's verdict refuses the connection, or asks what nobody answers.
pub(super) fn refuses(call: &CallTrace) -> bool {
    let Ending::Returned(result) = &call.ending else { return false };
    matches!(after_result(call.hook, result), After::Refused | After::Asked { .. })
}

/// What a call's end means for the session, and its cookies for the calls to come.
fn after(call: &CallTrace, trace: &mut Trace) -> After {
    let result = match &call.ending {
        Ending::Returned(result) => result,
        Ending::CutOff => {
            trace.cookie = Value::empty_dict();
            trace.session_cookie = Value::empty_dict();
            return After::Going;
        }
        _ => return After::Broke,
    };
    if call.hook == Hook::SessionEnded {
        return After::Going;
    }
    if let Some(cookie) =
        result.get("cookie").and_then(Observed::through_json).filter(|cookie| cookie.as_dict().is_some())
    {
        trace.cookie = cookie;
    }
    if let Some(cookie) =
        result.get("session_cookie").and_then(Observed::through_json).filter(|cookie| cookie.as_dict().is_some())
    {
        trace.session_cookie = cookie;
    }
    after_result(call.hook, result)
}

/// What a result says of how the session goes on.
fn after_result(hook: Hook, result: &Observed) -> After {
    if !matches!(hook, Hook::Authenticate | Hook::Authorize) {
        return After::Going;
    }
    match result.get("verdict") {
        None | Some(Observed::None) => after_verdict(None),
        Some(verdict) => match verdict.as_str() {
            Some("NEEDINFO") => match result.get("question").and_then(Observed::items) {
                Some([Observed::Str(key), rest @ ..]) => {
                    After::Asked { key: key.clone(), disable_echo: rest.get(1) == Some(&Observed::Bool(true)) }
                }
                _ => After::Refused,
            },
            verdict => after_verdict(verdict.or(Some("no verdict"))),
        },
    }
}

fn not_loaded(import: LoadEnding) -> Loading {
    Loading {
        python: PYTHON_VERSION.to_owned(),
        import,
        output: String::new(),
        attempts: Vec::new(),
        has_class: false,
        constructor: None,
        hooks: Vec::new(),
        words: crate::generate::Words::default(),
        files: Vec::new(),
        sdk_version: None,
    }
}

fn take_in(loading: &mut Loading, reply: LoadReply) {
    loading.python = reply.python;
    loading.import = ending_of(reply.raised, reply.exited);
    loading.has_class = reply.has_class;
    loading.hooks = reply.hooks.into_iter().filter_map(hook_seen).collect();
    loading.words = reply.words;
    loading.files = reply.files;
    loading.sdk_version = reply.sdk_version;
}

fn ending_of(
    raised: Option<crate::runtime::Exception>,
    exited: Option<(i32, Vec<crate::runtime::Frame>)>,
) -> LoadEnding {
    match (raised, exited) {
        (Some(exception), _) => LoadEnding::Raised(exception),
        (None, Some((status, frames))) => LoadEnding::Exited { status, frames },
        (None, None) => LoadEnding::Done,
    }
}

fn hook_seen(reply: HookReply) -> Option<HookSeen> {
    Some(HookSeen {
        hook: Hook::named(&reply.name)?,
        callable: reply.callable,
        parameters: reply.parameters,
        takes_any: reply.takes_any,
        frame: reply.frame,
    })
}
