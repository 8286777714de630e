//! How a worker loads its plugin: it starts, imports the module and constructs `Plugin`.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use super::{
    RuntimeError, Worker,
    early_end::EarlyEnd,
    process::Process,
    venv,
    wait::WorkerEvent,
    worker::{OWN_FAILURE, TRIES},
};
use crate::{
    contract::Hook,
    runtime::{
        Target,
        protocol::{
            control::{command, reply},
            loading::{ConstructReply, HookReply, LoadReply, LoadRequest},
            shared::Phase,
        },
    },
    trace::{Exception, Frame, HookSignature, LoadEnding, Loading, PluginTokens},
};

impl Worker {
    /// Starts a worker with the plugin's state folders in `state`, or with its own.
    pub(super) fn start_in(target: &Arc<Target>, state: Option<&Path>) -> Result<Self, RuntimeError> {
        let (worker, threads) = Self::start_with(target, state, true)?;
        // A fork copies one thread only. So if importing the plugin starts threads, each child imports it for itself.
        Ok(if threads > 1 { Self::start_with(target, state, false)?.0 } else { worker })
    }

    fn start_with(target: &Arc<Target>, state: Option<&Path>, preloads: bool) -> Result<(Self, usize), RuntimeError> {
        let process = Process::spawn(target, state)?;
        let mut loading = not_loaded(process.python_version());
        let mut worker = Self {
            process,
            target: Arc::clone(target),
            state: state.map(Path::to_owned),
            preloads,
            lost: None,
            loading: Arc::new(loading.clone()),
            standard_library: String::new(),
            has_runner: false,
            watches_isolated_lines: false,
            measures: false,
            places: 0,
            early_end: EarlyEnd::default(),
        };
        let mut threads = 1;
        match worker.load()? {
            WorkerEvent::Replied(reply::LOADED) => {
                match serde_json::from_slice::<LoadReply>(&worker.process.shared.read_reply()) {
                    Ok(reply) if preloads => {
                        threads = reply.threads;
                        worker.add_reply(&mut loading, reply);
                    }
                    Ok(_) => {}
                    Err(_) => loading.import = LoadEnding::Corrupted,
                }
            }
            // Before the plugin's first line the plugin cannot be the cause.
            WorkerEvent::Gone(status) if !worker.process.has_begun() => return Err(worker.process.died(status)),
            other => loading.import = worker.aborted_step(other)?,
        }
        loading.output = worker.process.output();
        loading.attempts = worker.attempts();
        if threads <= 1 && (loading.has_class || !preloads) && loading.import == LoadEnding::Done {
            worker.construct(&mut loading)?;
        }
        worker.loading = Arc::new(loading);
        Ok((worker, threads))
    }

    /// Lets the zygote load the plugin.
    fn load(&mut self) -> Result<WorkerEvent, RuntimeError> {
        let target = &self.target;
        let site_packages =
            target.venv.as_deref().map(|venv| venv::site_packages(venv, self.process.python_version())).transpose()?;
        let request = LoadRequest {
            root: target.root.clone(),
            entry_point: target.entry_point.clone(),
            configuration: target.configuration.clone(),
            site_packages: site_packages.unwrap_or_default(),
            scratch: PathBuf::new(),
            state: self.state.clone(),
            destinations: target.network.destinations().to_vec(),
            readable: target.sandbox.readable.clone(),
            coverage: target.coverage,
            instrument: target.instrument,
            preload: self.preloads,
            hooks: Hook::ALL.iter().map(|hook| hook.name().to_owned()).collect(),
            services: target.services.clone(),
        };
        let json = serde_json::to_vec(&request).expect("a request holds only paths and text");
        self.process.shared.header().memory_bytes.store(target.limits.memory_bytes, Ordering::Relaxed);
        if !self.process.shared.write_request(&json) {
            return Err(RuntimeError::SessionTooLarge(json.len()));
        }
        if !self.process.command(&[command::LOAD]) {
            return Ok(WorkerEvent::Gone(self.process.status()));
        }
        self.process.wait(target.limits.loading, 1)
    }

    /// Replaces the process if it was lost. What is known of the plugin stays known.
    pub(super) fn replace_if_lost(&mut self) -> Result<(), RuntimeError> {
        for _ in 0..TRIES {
            if self.lost.is_none() {
                return Ok(());
            }
            let mut process = Process::spawn(&self.target, self.state.as_deref())?;
            process.shared.inherit(&self.process.shared);
            self.process = process;
            self.has_runner = false;
            match self.load()? {
                WorkerEvent::Replied(reply::LOADED) => self.lost = None,
                WorkerEvent::Gone(status) => self.lost = Some(self.process.died(status)),
                _ => self.lost = Some(RuntimeError::Stuck),
            }
        }
        match self.lost.take() {
            None => Ok(()),
            Some(reason) => {
                // The next call of this function tries again.
                self.lost = Some(RuntimeError::Stuck);
                Err(reason)
            }
        }
    }

    /// Constructs `Plugin` in a process of its own.
    fn construct(&mut self, loading: &mut Loading) -> Result<(), RuntimeError> {
        self.process.clear_output();
        self.process.shared.clear_attempts();
        let event = if self.process.command(&[command::CONSTRUCT]) {
            self.process.wait(self.target.limits.loading, 1)?
        } else {
            WorkerEvent::Gone(self.process.status())
        };
        let phase = self.process.phase();
        loading.attempts.extend(self.attempts());
        let reply = match event {
            WorkerEvent::ChildEnded(0) => {
                serde_json::from_slice::<ConstructReply>(&self.process.shared.read_reply()).ok()
            }
            _ => None,
        };
        let Some(reply) = reply else {
            let ending = self.aborted_step(event)?;
            match phase {
                Phase::Import => loading.import = ending,
                _ => loading.constructor = Some(ending),
            }
            return Ok(());
        };
        if let Some(load) = reply.load {
            self.add_reply(loading, load);
            if loading.import != LoadEnding::Done || !loading.has_class {
                return Ok(());
            }
        }
        loading.constructor = Some(ending_of(reply.raised, reply.exited));
        loading.hooks.extend(reply.more_hooks.into_iter().filter_map(hook_signature));
        loading.output.push_str(&self.process.output());
        Ok(())
    }

    /// How a step of loading ended that was aborted.
    fn aborted_step(&mut self, event: WorkerEvent) -> Result<LoadEnding, RuntimeError> {
        Ok(match event {
            WorkerEvent::TimedOut => {
                let frames = self.process.stack_of_zygote(&self.target.root, &self.standard_library);
                self.lose(RuntimeError::Stuck);
                LoadEnding::TimedOut { limit_seconds: self.target.limits.loading.as_secs(), frames }
            }
            WorkerEvent::ChildEnded(status) | WorkerEvent::Gone(status) => {
                let frames = self.process.fault_frames(&self.target.root, &self.standard_library);
                if matches!(event, WorkerEvent::Gone(_)) {
                    self.lose_gone();
                }
                match status {
                    ..0 => LoadEnding::Signalled { signal: -status, frames },
                    // The zygote exits so if it cannot receive commands any more, after the plugin's code.
                    OWN_FAILURE if frames.is_empty() => LoadEnding::Corrupted,
                    _ => LoadEnding::Exited { status, frames },
                }
            }
            WorkerEvent::Replied(_) | WorkerEvent::Silent => {
                self.lose(RuntimeError::Stuck);
                LoadEnding::Corrupted
            }
        })
    }

    /// Adds what importing the plugin showed.
    fn add_reply(&mut self, loading: &mut Loading, reply: LoadReply) {
        self.standard_library = reply.standard_library;
        self.places = reply.places;
        loading.python = reply.python;
        loading.import = ending_of(reply.raised, reply.exited);
        loading.has_class = reply.has_class;
        loading.takes_configuration = reply.takes_configuration;
        loading.hooks = reply.hooks.into_iter().filter_map(hook_signature).collect();
        loading.tokens = reply.tokens;
        loading.files = reply.files;
        loading.sdk_version = reply.sdk_version;
        loading.names = reply.names;
    }
}

fn not_loaded(python: &str) -> Loading {
    Loading {
        python: python.to_owned(),
        import: LoadEnding::Done,
        output: String::new(),
        attempts: Vec::new(),
        has_class: false,
        takes_configuration: false,
        constructor: None,
        hooks: Vec::new(),
        tokens: PluginTokens::default(),
        files: Vec::new(),
        sdk_version: None,
        names: Vec::new(),
    }
}

fn ending_of(raised: Option<Exception>, exited: Option<(i32, Vec<Frame>)>) -> LoadEnding {
    match (raised, exited) {
        (Some(exception), _) => LoadEnding::Raised(exception),
        (None, Some((status, frames))) => LoadEnding::Exited { status, frames },
        (None, None) => LoadEnding::Done,
    }
}

fn hook_signature(reply: HookReply) -> Option<HookSignature> {
    Some(HookSignature {
        hook: Hook::named(&reply.name)?,
        callable: reply.callable,
        parameters: reply.parameters,
        takes_kwargs: reply.takes_any,
        frame: reply.frame,
    })
}
