//! How a worker loads its plugin: started, the module imported, `Plugin` constructed, and what that showed.

use std::{path::Path, sync::Arc};

use super::{
    OUR_EXIT, RuntimeError, TRIES, Worker,
    process::{Process, Waited},
    venv,
};
use crate::{
    contract::Hook,
    runtime::{
        Target,
        protocol::{
            control::{ConstructReply, HookReply, LoadReply, LoadRequest, command, reply},
            shared::Phase,
        },
    },
    trace::{Exception, Frame, HookSignature, LoadEnding, Loading, PluginTokens},
};

impl Worker {
    /// The same with state folders in `state` instead of its own.
    pub(super) fn start_in(target: &Arc<Target>, state: Option<&Path>) -> Result<Self, RuntimeError> {
        let (worker, threads) = Self::start_with(target, state, true)?;
        // A process that has threads cannot be forked as a whole: then each child imports for itself.
        Ok(if threads > 1 { Self::start_with(target, state, false)?.0 } else { worker })
    }

    fn start_with(target: &Arc<Target>, state: Option<&Path>, preloads: bool) -> Result<(Self, usize), RuntimeError> {
        let mut worker = Self {
            process: Process::spawn(target, state)?,
            target: Arc::clone(target),
            state: state.map(Path::to_owned),
            preloads,
            lost: None,
            loading: Arc::new(not_loaded("", LoadEnding::Done)),
            standard_library: String::new(),
            has_runner: false,
            watches_isolated_lines: false,
            measures: false,
            places: 0,
        };
        let mut loading = not_loaded(worker.process.python_version(), LoadEnding::Done);
        let mut threads = 1;
        match worker.load()? {
            Waited::Said(reply::LOADED) => {
                match serde_json::from_slice::<LoadReply>(&worker.process.shared.read_reply()) {
                    Ok(reply) if preloads => {
                        threads = reply.threads;
                        worker.standard_library.clone_from(&reply.standard_library);
                        worker.places = reply.places;
                        take_in(&mut loading, reply);
                    }
                    Ok(_) => {}
                    Err(_) => loading.import = LoadEnding::Corrupted,
                }
            }
            // Before the plugin's first line nothing is the plugin's fault.
            Waited::Gone(status) if !worker.process.has_begun() => return Err(worker.process.died(status)),
            other => loading.import = worker.step_ended(other)?,
        }
        loading.output = worker.process.output_since_start();
        loading.attempts = worker.attempts();
        if threads > 1 {
            worker.loading = Arc::new(loading);
            return Ok((worker, threads));
        }
        if (loading.has_class || !preloads) && loading.import == LoadEnding::Done {
            worker.construct(&mut loading)?;
        }
        worker.loading = Arc::new(loading);
        Ok((worker, threads))
    }

    /// Has the zygote load the plugin.
    fn load(&mut self) -> Result<Waited, RuntimeError> {
        let target = &self.target;
        let site_packages = target
            .venv
            .as_deref()
            .map(|venv| venv::site_packages(venv, self.process.python_version()))
            .transpose()?
            .unwrap_or_default();
        let request = LoadRequest {
            root: target.root.clone(),
            entry_point: target.entry_point.clone(),
            configuration: target.configuration.clone(),
            site_packages,
            scratch: self.process.scratch().to_owned(),
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
        let header = self.process.shared.header();
        header.memory_bytes.store(target.limits.memory_bytes, std::sync::atomic::Ordering::Relaxed);
        if !self.process.shared.write_request(&json) {
            return Err(RuntimeError::SessionTooLarge(json.len()));
        }
        if !self.process.command(&[command::LOAD]) {
            return Ok(Waited::Gone(self.process.status()));
        }
        self.process.wait(target.limits.loading, 1)
    }

    /// Has a fresh process take the place of one that was lost. What is known of the plugin stays known.
    pub(super) fn revive(&mut self) -> Result<(), RuntimeError> {
        for _ in 0..TRIES {
            if self.lost.is_none() {
                return Ok(());
            }
            let mut process = Process::spawn(&self.target, self.state.as_deref())?;
            process.shared.inherit(&self.process.shared);
            self.process = process;
            self.has_runner = false;
            match self.load()? {
                Waited::Said(reply::LOADED) => self.lost = None,
                Waited::Gone(status) => self.lost = Some(self.process.died(status)),
                _ => self.lost = Some(RuntimeError::Stuck),
            }
        }
        match self.lost.take() {
            None => Ok(()),
            Some(why) => {
                // Whoever asks again tries again.
                self.lost = Some(RuntimeError::Stuck);
                Err(why)
            }
        }
    }

    /// Constructs `Plugin` in a process of its own.
    fn construct(&mut self, loading: &mut Loading) -> Result<(), RuntimeError> {
        self.process.forget_output();
        self.process.shared.forget_attempts();
        let waited = if self.process.command(&[command::CONSTRUCT]) {
            self.process.wait(self.target.limits.loading, 1)?
        } else {
            Waited::Gone(self.process.status())
        };
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
                self.lose(RuntimeError::Stuck);
                LoadEnding::TimedOut { limit_seconds: self.target.limits.loading.as_secs(), frames }
            }
            Waited::Ended(status) | Waited::Gone(status) => {
                let frames = self.process.fault_frames(&self.target.root, &self.standard_library);
                if matches!(waited, Waited::Gone(_)) {
                    self.lose_gone();
                }
                match status {
                    ..0 => LoadEnding::Signalled { signal: -status, frames },
                    // The zygote, which hears no order any more, after the plugin's code was through.
                    OUR_EXIT if frames.is_empty() => LoadEnding::Corrupted,
                    _ => LoadEnding::Exited { status, frames },
                }
            }
            Waited::Said(_) | Waited::Silent => {
                self.lose(RuntimeError::Stuck);
                LoadEnding::Corrupted
            }
        })
    }
}

fn not_loaded(python: &str, import: LoadEnding) -> Loading {
    Loading {
        python: python.to_owned(),
        import,
        output: String::new(),
        attempts: Vec::new(),
        has_class: false,
        constructor: None,
        hooks: Vec::new(),
        tokens: PluginTokens::default(),
        files: Vec::new(),
        sdk_version: None,
    }
}

fn take_in(loading: &mut Loading, reply: LoadReply) {
    loading.python = reply.python;
    loading.import = ending_of(reply.raised, reply.exited);
    loading.has_class = reply.has_class;
    loading.hooks = reply.hooks.into_iter().filter_map(hook_seen).collect();
    loading.tokens = reply.words;
    loading.files = reply.files;
    loading.sdk_version = reply.sdk_version;
}

fn ending_of(raised: Option<Exception>, exited: Option<(i32, Vec<Frame>)>) -> LoadEnding {
    match (raised, exited) {
        (Some(exception), _) => LoadEnding::Raised(exception),
        (None, Some((status, frames))) => LoadEnding::Exited { status, frames },
        (None, None) => LoadEnding::Done,
    }
}

fn hook_seen(reply: HookReply) -> Option<HookSignature> {
    Some(HookSignature {
        hook: Hook::named(&reply.name)?,
        callable: reply.callable,
        parameters: reply.parameters,
        takes_kwargs: reply.takes_any,
        frame: reply.frame,
    })
}
