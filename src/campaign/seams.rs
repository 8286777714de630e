//! Where campaigns meet the generator and the oracles: [`Source`] gives sessions, [`Judge`] says what a trace shows. The
//! real ones are [`Generator`] and [`Oracles`]; tests bring their own.

use crate::{
    case::Session,
    contract::{Hook, Platform, PluginType},
    finding::Finding,
    generate::Words,
    oracle::{self, Subject},
    runtime::{Loading, Trace},
};

/// Gives sessions. The same arguments, the same session, in whatever thread.
pub trait Source: Sync {
    /// A session as most of them are: all arguments plain.
    fn ordinary(&self, index: u64) -> Session;

    /// A generated session.
    fn generated(&self, seed: u64, index: u64) -> Session;

    /// Tries to make `session` smaller.
    fn shrinker(&self, session: &Session) -> Box<dyn Shrink>;
}

/// Offers ever smaller sessions. It ends by itself.
pub trait Shrink {
    /// The next session to try; `None` when there is nothing more to try.
    fn next_candidate(&mut self) -> Option<Session>;

    /// The last candidate still showed what is looked for: go on from there.
    fn accept(&mut self, session: Session);
}

/// Says what a trace shows. Pure.
pub trait Judge: Sync {
    /// What it shows by itself.
    fn judge(&self, subject: &Subject, session: &Session, trace: &Trace) -> Vec<Finding>;

    /// Whether two traces of one session differ in what the platform would see.
    fn differ(&self, one: &Trace, other: &Trace) -> bool;

    /// What it means that `session` ran as `fresh` in fresh processes and as `after` in one that had changed `changes`.
    fn state_leak(
        &self,
        subject: &Subject,
        session: &Session,
        fresh: &Trace,
        after: &Trace,
        changes: &[String],
    ) -> Option<Finding>;

    /// What it means that `session` ran as `one` and as `other`, both in fresh processes.
    fn nondeterministic(&self, subject: &Subject, session: &Session, one: &Trace, other: &Trace) -> Option<Finding>;
}

/// Sessions from the generator.
#[derive(Clone, Debug)]
pub struct Generator {
    // TODO(integration): `generate::Domain`.
    _domain: (PluginType, &'static Platform, Vec<Hook>, Words),
}

impl Generator {
    /// Sessions for a plugin that loaded as `loading`: only hooks that it has are called.
    pub fn new(plugin_type: PluginType, platform: &'static Platform, loading: &Loading) -> Self {
        let hooks = loading.hooks.iter().filter(|seen| seen.callable).map(|seen| seen.hook).collect();
        Self { _domain: (plugin_type, platform, hooks, loading.words.clone()) }
    }
}

impl Source for Generator {
    fn ordinary(&self, _index: u64) -> Session {
        Session::new(Vec::new()) // TODO(integration): `generate::ordinary_session(&self.domain, index)`.
    }

    fn generated(&self, _seed: u64, _index: u64) -> Session {
        Session::new(Vec::new()) // TODO(integration): `generate::nth_session(&self.domain, seed, index)`.
    }

    fn shrinker(&self, _session: &Session) -> Box<dyn Shrink> {
        struct Nothing; // TODO(integration): `impl Shrink for generate::Shrinker`.
        impl Shrink for Nothing {
            fn next_candidate(&mut self) -> Option<Session> {
                None
            }
            fn accept(&mut self, _session: Session) {}
        }
        Box::new(Nothing)
    }
}

/// The oracles.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oracles;

impl Judge for Oracles {
    fn judge(&self, subject: &Subject, session: &Session, trace: &Trace) -> Vec<Finding> {
        oracle::judge(subject, session, trace)
    }

    fn differ(&self, _one: &Trace, _other: &Trace) -> bool {
        false // TODO(integration): `oracle::compare::difference(one, other).is_some()`.
    }

    fn state_leak(
        &self,
        _subject: &Subject,
        _session: &Session,
        _fresh: &Trace,
        _after: &Trace,
        _changes: &[String],
    ) -> Option<Finding> {
        None // TODO(integration): `oracle::state_leak(subject, session, fresh, after, changes)`.
    }

    fn nondeterministic(&self, _: &Subject, _: &Session, _one: &Trace, _other: &Trace) -> Option<Finding> {
        None // TODO(integration): `oracle::nondeterministic(subject, session, one, other)`.
    }
}
