//! [`LoadExecutor`] makes the calls of a load test. A run uses [`Server`]; the tests of this room use one without
//! Python.

use crate::{
    case::Session,
    runtime::{RuntimeError, Server, SessionState},
    trace::{CallUsage, ProcessUsage, Trace},
};

/// Makes calls, one at a time.
pub trait LoadExecutor: Send {
    /// Makes the session's next call in a process of its own. Returns its cost; `None` if the process died before it
    /// could report that.
    ///
    /// # Errors
    /// If the runtime failed, not the plugin.
    fn next_call(&mut self, session: &mut SessionState) -> Result<Option<CallUsage>, RuntimeError>;

    /// Runs a whole session in the process that ran the sessions before. Returns its trace, the cost of its calls, and
    /// at intervals the resources of the process.
    ///
    /// # Errors
    /// If the runtime failed, not the plugin.
    fn run_session(&mut self, session: &Session)
    -> Result<(Trace, Vec<CallUsage>, Option<ProcessUsage>), RuntimeError>;
}

impl LoadExecutor for Server {
    fn next_call(&mut self, session: &mut SessionState) -> Result<Option<CallUsage>, RuntimeError> {
        self.step(session)
    }

    fn run_session(
        &mut self,
        session: &Session,
    ) -> Result<(Trace, Vec<CallUsage>, Option<ProcessUsage>), RuntimeError> {
        self.session(session)
    }
}
