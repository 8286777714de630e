//! A worker that serves many sessions at once, as an appliance does: it makes each call of any session in a process of
//! its own, and shares the plugin's state folders with other servers, which are never emptied. It reports what each
//! call cost.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{RuntimeError, Worker, outcome::call_outcome};
use crate::{
    case::{Session, Value},
    runtime::{
        SessionState, Target,
        protocol::shared::flag,
        sandbox::{SessionFolders, session_folders::SERVICE_FOLDERS},
    },
    trace::{CallUsage, LoadEnding, ProcessUsage, Trace},
};

/// A worker that serves.
#[derive(Debug)]
pub struct Server {
    worker: Worker,
    state: PathBuf,
}

impl Server {
    /// Starts a worker whose plugin has its state folders in `state`, a folder that exists.
    ///
    /// # Errors
    /// [`RuntimeError`] if no worker can be started, or if the plugin cannot be loaded.
    pub fn start(target: &Arc<Target>, state: &Path) -> Result<Self, RuntimeError> {
        for (_, folder) in SERVICE_FOLDERS {
            std::fs::create_dir_all(state.join(folder))?;
        }
        let mut worker = Worker::start_in(target, Some(state))?;
        worker.must_be_loaded()?;
        if worker.loading.constructor != Some(LoadEnding::Done) {
            return Err(RuntimeError::NotLoaded);
        }
        worker.measures = true;
        Ok(Self { worker, state: state.to_owned() })
    }

    /// Makes the session's next call in a process of its own, and returns what it cost, if the process lived to report
    /// it. At the end of the session it does nothing.
    ///
    /// # Errors
    /// If the runtime itself failed; whatever the plugin does is in the trace.
    pub fn step(&mut self, state: &mut SessionState) -> Result<Option<CallUsage>, RuntimeError> {
        let session = Arc::clone(state.session());
        let Some((step, answered)) = state.next() else { return Ok(None) };
        let worker = &mut self.worker;
        if state.trace().calls.is_empty() {
            fill(&self.state, &session.services);
        }
        worker.end_runner();
        worker.replace_if_lost()?;
        worker.process.write_memory_cache(&state.memory_cache);
        let timeout = worker.target.limits.timeout;
        let (call, usage) = worker.isolated_call(&session, step, answered, state.trace(), timeout)?;
        state.memory_cache = worker.process.read_memory_cache();
        if call.ending.is_aborted() {
            // It may have written files that it did not live to report.
            worker.process.mark_scratch_used();
        }
        if !worker.process.clear_scratch() {
            worker.lose(RuntimeError::Stuck);
        }
        state.ended(call, call_outcome);
        Ok(usage)
    }

    /// Runs a whole session in the process that ran the earlier ones, whatever they changed. Returns the trace, what
    /// each call cost and, now and then, what the process uses.
    ///
    /// # Errors
    /// As [`Server::step`].
    pub fn session(
        &mut self,
        session: &Session,
    ) -> Result<(Trace, Vec<CallUsage>, Option<ProcessUsage>), RuntimeError> {
        fill(&self.state, &session.services);
        let observations =
            self.worker.persistent(std::slice::from_ref(session), flag::USAGE | flag::KEEP_STATE, false)?;
        let observation = observations.into_iter().next().ok_or(RuntimeError::Stuck)?;
        Ok((observation.trace, observation.usage, observation.process_usage))
    }
}

/// Writes the files of a session's services into the shared folders.
fn fill(state: &Path, services: &Value) {
    if !services.is_empty_dict() {
        SessionFolders::unwatched(state, Vec::new()).fill(services);
    }
}
