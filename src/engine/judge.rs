//! [`Judge`] says what a trace shows. A run uses [`Oracles`]; the tests of this room use a simpler judge of their own.

use crate::{
    case::Session,
    finding::Finding,
    oracle::{self, PluginUnderTest},
    trace::Trace,
};

/// Says what a trace shows. Pure.
pub trait Judge: Sync {
    /// What a trace shows by itself.
    fn judge(&self, subject: &PluginUnderTest, session: &Session, trace: &Trace) -> Vec<Finding>;

    /// Whether two traces of one session differ in what the platform would see.
    fn differ(&self, one: &Trace, other: &Trace) -> bool;

    /// The finding if `session` ran as `fresh` in fresh processes, and as `after` in a process where `changes` had
    /// changed.
    fn state_leak(
        &self,
        subject: &PluginUnderTest,
        session: &Session,
        fresh: &Trace,
        after: &Trace,
        changes: &[String],
    ) -> Option<Finding>;

    /// The finding if `session` ran once as `one` and once as `other`, both in fresh processes.
    fn nondeterministic(
        &self,
        subject: &PluginUnderTest,
        session: &Session,
        one: &Trace,
        other: &Trace,
    ) -> Option<Finding>;
}

/// The oracles.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oracles;

impl Judge for Oracles {
    fn judge(&self, subject: &PluginUnderTest, session: &Session, trace: &Trace) -> Vec<Finding> {
        oracle::judge(subject, session, trace)
    }

    fn differ(&self, one: &Trace, other: &Trace) -> bool {
        oracle::difference(one, other).is_some()
    }

    fn state_leak(
        &self,
        subject: &PluginUnderTest,
        session: &Session,
        fresh: &Trace,
        after: &Trace,
        changes: &[String],
    ) -> Option<Finding> {
        oracle::state_leak(subject, session, fresh, after, changes)
    }

    fn nondeterministic(
        &self,
        subject: &PluginUnderTest,
        session: &Session,
        one: &Trace,
        other: &Trace,
    ) -> Option<Finding> {
        oracle::nondeterministic(subject, session, one, other)
    }
}
