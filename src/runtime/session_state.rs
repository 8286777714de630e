//! A session whose calls any free worker may make, one at a time: its state between two calls.

use std::sync::Arc;

use super::protocol::session_flow::{CallOutcome, SessionFlow, Step};
use crate::{
    case::Session,
    contract::Hook,
    trace::{CallTrace, Trace},
};

/// A session that has begun and not ended.
#[derive(Debug)]
pub struct SessionState {
    session: Arc<Session>,
    flow: SessionFlow,
    next: Option<Step>,
    trace: Trace,
    /// The plugin's memory cache as the last call left it.
    pub(super) memory_cache: Vec<u8>,
}

impl SessionState {
    /// `session` at its beginning.
    pub fn new(session: Arc<Session>) -> Self {
        let trace = Trace {
            cookie: session.cookie.clone(),
            session_cookie: session.session_cookie.clone(),
            ..Trace::default()
        };
        let mut flow = SessionFlow::default();
        let next = flow.step(&session);
        Self { session, flow, next, trace, memory_cache: Vec::new() }
    }

    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The hook to call next; `None` at the end.
    pub fn next_hook(&self) -> Option<Hook> {
        self.next.map(|step| self.session.calls[step.call].hook)
    }

    /// What was observed so far.
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The next call, and the answers that it gets.
    pub(super) fn next(&self) -> Option<(Step, &[(String, String)])> {
        self.next.map(|step| (step, &self.flow.answered[..]))
    }

    /// Adds a call that was made; `outcome` tells what its end means for the session.
    pub(super) fn ended(&mut self, call: CallTrace, outcome: impl FnOnce(&CallTrace, &mut Trace) -> CallOutcome) {
        let outcome = outcome(&call, &mut self.trace);
        self.trace.calls.push(call);
        self.flow.ended(&self.session, outcome);
        self.next = self.flow.step(&self.session);
    }
}
