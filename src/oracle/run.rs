//! What every oracle judges.

use super::PluginUnderTest;
use crate::{
    case::{Session, Value},
    trace::{CallTrace, Trace},
};

/// A session and its trace, with the plugin that it ran on.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) plugin: &'a PluginUnderTest,
    pub(super) session: &'a Session,
    pub(super) trace: &'a Trace,
}

impl<'a> Run<'a> {
    /// Whether the call went to the other plugin of a session with two plugins.
    pub(super) fn is_other(&self, call: &CallTrace) -> bool {
        self.session.calls.get(call.call).is_some_and(|call| call.other)
    }

    /// Everything that the session passes to the plugin.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        [&self.session.cookie, &self.session.session_cookie].into_iter().chain(self.arguments())
    }

    /// The values of all arguments.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.session.calls.iter().flat_map(|call| &call.arguments).map(|(_, value)| value)
    }
}
