//! Starts workers, watches them, outlives them.

use std::{sync::Arc, time::Duration};

use thiserror::Error;

use crate::{
    case::Session,
    runtime::{Loading, Target, Trace},
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
}

/// Why a worker cannot be had.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The worker's program is not beside the host's.
    #[error("`hookstorm-worker` is not beside `{0}`: install both, or build again")]
    NoWorker(std::path::PathBuf),
}

/// A worker process and the host's end of it.
#[derive(Debug)]
pub struct Worker {}

impl Worker {
    /// Starts a worker and loads the target's plugin in it.
    ///
    /// # Errors
    /// [`RuntimeError`] where no worker can be started. A plugin that cannot be loaded is in [`Loading`], and then
    /// running sessions is an error.
    pub fn start(_target: &Arc<Target>) -> Result<(Self, Loading), RuntimeError> {
        unimplemented!()
    }
}

impl Run for Worker {
    fn run(&mut self, _sessions: &[Session], _isolation: Isolation) -> Result<Vec<Trace>, RuntimeError> {
        unimplemented!()
    }

    fn run_after(&mut self, _earlier: &[Session], _session: &Session) -> Result<Trace, RuntimeError> {
        unimplemented!()
    }

    fn run_with_timeout(&mut self, _session: &Session, _timeout: Duration) -> Result<Trace, RuntimeError> {
        unimplemented!()
    }

    fn lines_hit(&self) -> Vec<(usize, u32)> {
        Vec::new()
    }
}
