//! Where campaigns meet the generator and the oracles: [`Source`] gives sessions, [`Judge`] says what a trace shows. The
//! real ones are [`Generator`] and [`Oracles`]; tests bring their own.

use crate::{
    case::Session,
    contract::{Argument, Hook, Platform, PluginType},
    finding::Finding,
    generate::{self, Dictionary, Domain, Mutator, OptionChoice, simplify::Shrinker},
    oracle::{self, PluginUnderTest},
    trace::{CmpLogEntry, Loading, Trace},
};

/// Gives sessions. The same arguments, the same session, in whatever thread.
pub trait Source: Sync {
    /// A session as most of them are: all arguments plain.
    fn ordinary(&self, index: u64) -> Session;

    /// A generated session.
    fn generated(&self, seed: u64, index: u64) -> Session;

    /// What is known before anything ran.
    fn dictionary(&self) -> Dictionary {
        Dictionary::default()
    }

    /// A session like `parent`, perhaps with something of `donor`; `None` where nothing can be changed.
    fn mutated(
        &self,
        _dictionary: &Dictionary,
        _seed: u64,
        _parent: &Session,
        _donor: Option<&Session>,
    ) -> Option<Session> {
        None
    }

    /// Sessions in which what the plugin compared with stands where the other side came from, the likeliest first.
    fn substituted(&self, _session: &Session, _comparisons: &[CmpLogEntry]) -> Vec<Session> {
        Vec::new()
    }

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
    fn judge(&self, subject: &PluginUnderTest, session: &Session, trace: &Trace) -> Vec<Finding>;

    /// Whether two traces of one session differ in what the platform would see.
    fn differ(&self, one: &Trace, other: &Trace) -> bool;

    /// What it means that `session` ran as `fresh` in fresh processes and as `after` in one that had changed `changes`.
    fn state_leak(
        &self,
        subject: &PluginUnderTest,
        session: &Session,
        fresh: &Trace,
        after: &Trace,
        changes: &[String],
    ) -> Option<Finding>;

    /// What it means that `session` ran as `one` and as `other`, both in fresh processes.
    fn nondeterministic(
        &self,
        subject: &PluginUnderTest,
        session: &Session,
        one: &Trace,
        other: &Trace,
    ) -> Option<Finding>;
}

/// Sessions from the generator.
#[derive(Clone, Debug)]
pub struct Generator {
    domain: Domain,
    /// The other plugin of every session.
    other: Option<Domain>,
    /// What a hook cannot do without: taking it away would only show a defect that the platform cannot cause.
    kept: Vec<(Hook, Argument)>,
    /// What of the configuration may be varied.
    options: Vec<OptionChoice>,
}

impl Generator {
    /// Sessions for a plugin that loaded as `loading`: only hooks that it has are called.
    pub fn new(plugin_type: PluginType, platform: &'static Platform, loading: &Loading) -> Self {
        let kept = loading.hooks.iter().flat_map(|seen| {
            let required = seen.parameters.iter().filter(|parameter| parameter.required);
            required.filter_map(|parameter| Some((seen.hook, Argument::named(&parameter.name)?)))
        });
        Self { domain: domain(plugin_type, platform, loading), other: None, kept: kept.collect(), options: Vec::new() }
    }

    /// The same with a second plugin in every session.
    #[must_use]
    pub fn with_other(self, plugin_type: PluginType, platform: &'static Platform, loading: &Loading) -> Self {
        Self { other: Some(domain(plugin_type, platform, loading)), ..self }
    }

    /// The same with options that mutation may set on top of the configuration.
    #[must_use]
    pub fn with_options(self, options: Vec<OptionChoice>) -> Self {
        Self { options, ..self }
    }

    /// Both domains as the generator wants them, the AA plugin's first.
    fn pair<'a>(&'a self, other: &'a Domain) -> (&'a Domain, &'a Domain) {
        if self.domain.plugin_type == PluginType::Aa { (&self.domain, other) } else { (other, &self.domain) }
    }
}

fn domain(plugin_type: PluginType, platform: &'static Platform, loading: &Loading) -> Domain {
    let hooks = loading.hooks.iter().filter(|seen| seen.callable).map(|seen| seen.hook).collect();
    let domain = Domain::new(plugin_type, platform, hooks, loading.tokens.clone());
    loading.hooks.iter().filter(|seen| !seen.takes_kwargs).fold(domain, |domain, seen| {
        let named = seen.parameters.iter().filter(|parameter| !parameter.positional_only);
        domain.taking(seen.hook, named.filter_map(|parameter| Argument::named(&parameter.name)))
    })
}

impl Source for Generator {
    fn ordinary(&self, index: u64) -> Session {
        match &self.other {
            None => generate::nominal_session(&self.domain, index),
            Some(other) => {
                let (aa, store) = self.pair(other);
                generate::nominal_two_plugin_session(aa, store, self.domain.plugin_type, index)
            }
        }
    }

    fn generated(&self, seed: u64, index: u64) -> Session {
        match &self.other {
            None => generate::nth_session(&self.domain, seed, index),
            Some(other) => {
                let (aa, store) = self.pair(other);
                generate::nth_two_plugin_session(aa, store, self.domain.plugin_type, seed, index)
            }
        }
    }

    fn dictionary(&self) -> Dictionary {
        Dictionary::new(&self.domain)
    }

    fn mutated(
        &self,
        dictionary: &Dictionary,
        seed: u64,
        parent: &Session,
        donor: Option<&Session>,
    ) -> Option<Session> {
        let mutator = Mutator { domain: &self.domain, dictionary, options: &self.options, services: true };
        mutator.mutate(seed, parent, donor)
    }

    fn substituted(&self, session: &Session, comparisons: &[CmpLogEntry]) -> Vec<Session> {
        generate::substitutions(&self.domain, session, comparisons)
    }

    fn shrinker(&self, session: &Session) -> Box<dyn Shrink> {
        Box::new(Shrinker::keeping(session.clone(), self.kept.iter().copied()))
    }
}

impl Shrink for Shrinker {
    fn next_candidate(&mut self) -> Option<Session> {
        Self::next_candidate(self)
    }

    fn accept(&mut self, session: Session) {
        Self::accept(self, session);
    }
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
