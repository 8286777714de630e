//! A session whose calls are made one at a time, by whatever worker is free: [`SessionState`] is all that is carried from one
//! call to the next.

use std::sync::Arc;

use crate::{
    case::Session,
    contract::Hook,
    runtime::protocol::flow::{After, Flow, Step},
    trace::{CallTrace, Trace},
};

/// A session that has begun and not ended.
#[derive(Debug)]
pub struct SessionState {
    session: Arc<Session>,
    flow: Flow,
    next: Option<Step>,
    trace: Trace,
    /// The memory cache of the plugin, as the last call left it.
    pub(super) carried: Vec<u8>,
}

impl SessionState {
    /// `session` at its beginning.
    pub fn new(session: Arc<Session>) -> Self {
        let trace = Trace {
            cookie: session.cookie.clone(),
            session_cookie: session.session_cookie.clone(),
            ..Trace::default()
        };
        let mut flow = Flow::default();
        let next = flow.step(&session);
        Self { session, flow, next, trace, carried: Vec::new() }
    }

    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The hook that is to be called now; `None` at the end.
    pub fn next_hook(&self) -> Option<Hook> {
        self.next.map(|step| self.session.calls[step.call].hook)
    }

    /// What was seen so far.
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    pub(super) fn next(&self) -> Option<(Step, &[(String, String)])> {
        self.next.map(|step| (step, &self.flow.answered[..]))
    }

    /// Takes a call in that was made; `after` tells from it how the session goes on.
    pub(super) fn made(&mut self, call: CallTrace, after: impl FnOnce(&CallTrace, &mut Trace) -> After) {
        let after = after(&call, &mut self.trace);
        self.trace.calls.push(call);
        self.flow.ended(&self.session, after);
        self.next = self.flow.step(&self.session);
    }
}
