//! Who makes the calls of a load run: [`LoadExecutor`]. The real one is [`Server`]; tests bring their own, without
//! Python.

use crate::{
    case::Session,
    runtime::{RuntimeError, Server, SessionState},
    trace::{CallUsage, ProcessUsage, Trace},
};

/// Makes calls, one at a time.
pub trait LoadExecutor: Send {
    /// Makes the session's next call in a process of its own. What it cost is not known where it did not live to tell.
    ///
    /// # Errors
    /// Where the runtime itself failed.
    fn step(&mut self, underway: &mut SessionState) -> Result<Option<CallUsage>, RuntimeError>;

    /// Runs a whole session in the process that ran the others before: its trace, what its calls cost, and now and then
    /// what the process holds.
    ///
    /// # Errors
    /// Where the runtime itself failed.
    fn session(&mut self, session: &Session) -> Result<(Trace, Vec<CallUsage>, Option<ProcessUsage>), RuntimeError>;
}

impl LoadExecutor for Server {
    fn step(&mut self, underway: &mut SessionState) -> Result<Option<CallUsage>, RuntimeError> {
        Self::step(self, underway)
    }

    fn session(&mut self, session: &Session) -> Result<(Trace, Vec<CallUsage>, Option<ProcessUsage>), RuntimeError> {
        Self::session(self, session)
    }
}
