//! What the engine needs of a runtime.

use std::time::Duration;

use super::RuntimeError;
use crate::{
    case::Session,
    contract::Hook,
    trace::{Edge, Frame, Instrumentation, Observation, Origin, Trace},
};

/// A place where calls hang: a timeout was confirmed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHang {
    hook: Hook,
    /// File and function of the innermost frame that is no frame of the standard library, as for a finding.
    file: String,
    function: String,
}

impl KnownHang {
    /// The place of a call of `hook` that hung with this stack, innermost frame first; `None` if the stack is unknown.
    pub fn of(hook: Hook, frames: &[Frame]) -> Option<Self> {
        let innermost = |origin| frames.iter().find(|frame| frame.origin == origin);
        let frame = innermost(Origin::Plugin).or_else(|| innermost(Origin::Other))?;
        Some(Self { hook, file: frame.file.clone(), function: frame.function.clone() })
    }

    /// The hook.
    pub const fn hook(&self) -> Hook {
        self.hook
    }
}

/// How calls share processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Many sessions in one process: fast.
    Persistent,
    /// A process for each call, as on the platform.
    Isolated,
}

/// Runs sessions of one plugin. [`Worker`](super::Worker) is the real one; tests have their own.
pub trait Executor: Send {
    /// Runs sessions one after another and returns a trace for each, in their order. Persistent ones share a process
    /// until one of them changes state that cannot be put back in place, or ends the process.
    ///
    /// # Errors
    /// [`RuntimeError`] if the runtime itself failed; whatever a plugin does is in the trace.
    fn run(&mut self, sessions: &[Session], isolation: Isolation) -> Result<Vec<Trace>, RuntimeError>;

    /// Runs sessions as persistent ones and observes the plugin's own code. An executor that cannot observe returns the
    /// traces alone.
    ///
    /// # Errors
    /// As [`Executor::run`].
    fn run_observed(
        &mut self,
        sessions: &[Session],
        _instrumentation: Instrumentation,
    ) -> Result<Vec<Observation>, RuntimeError> {
        let traces = self.run(sessions, Isolation::Persistent)?;
        Ok(traces.into_iter().map(|trace| Observation { trace, ..Observation::default() }).collect())
    }

    /// As [`Executor::run_observed`], but after a session that reached the time limit it may leave out the others: what
    /// it returns is of the first sessions, and of one at least.
    ///
    /// # Errors
    /// As [`Executor::run`].
    fn run_until_timeout(
        &mut self,
        sessions: &[Session],
        instrumentation: Instrumentation,
    ) -> Result<Vec<Observation>, RuntimeError> {
        self.run_observed(sessions, instrumentation)
    }

    /// Ends persistent sessions early, as [`Ending::EndedEarly`](crate::trace::Ending), that reach one of these places
    /// and stay there for a small multiple of what their hook usually takes. From time to time one still runs to its
    /// limit. An executor that cannot do that runs all of them to their limits.
    fn end_early(&mut self, _hangs: &[KnownHang]) {}

    /// Marks edges as known that other executors saw, so that they do not count as new here.
    fn mark_seen(&mut self, _edges: &[Edge]) {}

    /// How many places of the plugin's own code [`Executor::run_observed`] observes; 0 if it cannot.
    fn instrumented(&self) -> usize {
        0
    }

    /// Runs all sessions in one new process, in which changed state stays as it is, and returns the trace of the
    /// last one: the outcome of a session after others.
    ///
    /// # Errors
    /// As [`Executor::run`].
    fn run_after(&mut self, earlier: &[Session], session: &Session) -> Result<Trace, RuntimeError>;

    /// Runs a session isolated, with another time limit for each call.
    ///
    /// # Errors
    /// As [`Executor::run`].
    fn run_with_timeout(&mut self, session: &Session, timeout: Duration) -> Result<Trace, RuntimeError>;

    /// The lines of the plugin's own files that have run in this executor: (index into
    /// [`Loading::files`](crate::trace::Loading::files), line).
    fn lines_hit(&self) -> Vec<(usize, u32)>;

    /// Sets whether isolated calls mark their lines too. At first they do not, since marking costs more than the call.
    fn watch_isolated_lines(&mut self, _watch: bool) {}
}
