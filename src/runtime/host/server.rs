//! A worker that serves many sessions at once, as those of an appliance are: each call of whatever session, in a process of
//! its own, and the plugin's state folders shared with other servers and never emptied. Tells what each call cost.

use std::{path::Path, sync::Arc};

use super::{Worker, after};
use crate::{
    case::{Session, Value},
    runtime::{
        RuntimeError, SessionState, Target,
        protocol::shared::flag,
        sandbox::scratch::{FILLED, Scratch},
    },
    trace::{CallUsage, LoadEnding, ProcessUsage, Trace},
};

/// A worker that serves.
#[derive(Debug)]
pub struct Server {
    worker: Worker,
    state: std::path::PathBuf,
}

impl Server {
    /// Starts a worker whose plugin has its state folders in `state`, a folder that exists.
    ///
    /// # Errors
    /// [`RuntimeError`] where no worker can be started, or the plugin cannot be loaded.
    pub fn start(target: &Arc<Target>, state: &Path) -> Result<Self, RuntimeError> {
        for (_, folder) in FILLED {
            std::fs::create_dir_all(state.join(folder))?;
        }
        let mut worker = Worker::start_in(target, Some(state))?;
        let is_constructed = worker.loading.constructor == Some(LoadEnding::Done);
        worker.must_be_loaded()?;
        if !is_constructed {
            return Err(RuntimeError::NotLoaded);
        }
        worker.measures = true;
        Ok(Self { worker, state: state.to_owned() })
    }

    /// Makes the session's next call in a process of its own. What it cost is not known where it did not live to tell.
    /// At the session's end nothing happens.
    ///
    /// # Errors
    /// Where the runtime itself failed; whatever the plugin does is in the trace.
    pub fn step(&mut self, underway: &mut SessionState) -> Result<Option<CallUsage>, RuntimeError> {
        let session = Arc::clone(underway.session());
        let Some((step, answered)) = underway.next() else { return Ok(None) };
        let worker = &mut self.worker;
        if underway.trace().calls.is_empty() {
            fill(&self.state, &session.services);
        }
        worker.end_runner();
        worker.revive()?;
        worker.process.hand_over(&underway.carried);
        let timeout = worker.target.limits.timeout;
        let (call, usage) = worker.isolated_call(&session, step, answered, underway.trace(), timeout)?;
        underway.carried = worker.process.take_over();
        if call.ending.is_aborted() {
            // It may have left what it did not live to tell.
            worker.process.distrust_scratch();
        }
        if !worker.process.clear_scratch() {
            worker.lose(RuntimeError::Stuck);
        }
        underway.made(call, after);
        Ok(usage)
    }

    /// Runs a whole session in the process that ran the others before, whatever they changed. Gives what its calls cost, and
    /// now and then what the process holds.
    ///
    /// # Errors
    /// As [`Server::step`].
    pub fn session(
        &mut self,
        session: &Session,
    ) -> Result<(Trace, Vec<CallUsage>, Option<ProcessUsage>), RuntimeError> {
        fill(&self.state, &session.services);
        let watched = self.worker.persistent(std::slice::from_ref(session), flag::USAGE | flag::KEEP_STATE)?;
        let watched = watched.into_iter().next().ok_or(RuntimeError::Stuck)?;
        Ok((watched.trace, watched.usage, watched.process_usage))
    }
}

/// Puts what a session's services hold into the shared folders.
fn fill(state: &Path, services: &Value) {
    if !services.is_empty_dict() {
        Scratch::unwatched(state).fill(services);
    }
}
