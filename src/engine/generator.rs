//! [`Generator`]: the session source of real runs, made of `generate`.

use crate::{
    case::{Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    engine::{SessionShrinker, SessionSource},
    generate::{self, Dictionary, Domain, Mutator, OptionChoice, Shrinker},
    trace::{CmpLogEntry, Loading},
};

/// Generates sessions for one plugin, or for two.
#[derive(Clone, Debug)]
pub struct Generator {
    domain: Domain,
    /// The other plugin of every session.
    other: Option<Domain>,
    /// Options that mutation may set on top of the configuration.
    options: Vec<OptionChoice>,
    /// Secrets of the configuration. A session that contained one could not show whether the plugin leaks it.
    secrets: Vec<String>,
}

impl Generator {
    /// Sessions for a plugin that loaded as `loading`: only hooks that it has are called.
    pub fn new(plugin_type: PluginType, platform: &'static Platform, loading: &Loading) -> Self {
        Self { domain: domain(plugin_type, platform, loading), other: None, options: Vec::new(), secrets: Vec::new() }
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

    /// The same with sessions in which the plugin's first cookie is one that it never returned.
    #[must_use]
    pub fn with_foreign_cookies(self, foreign_cookies: bool) -> Self {
        Self { domain: self.domain.with_foreign_cookies(foreign_cookies), ..self }
    }

    /// Why the platform would never run the session as it stands; `None` if it could.
    pub fn outside_contract(&self, session: &Session) -> Option<String> {
        generate::outside_contract(session, &self.domain, self.other.as_ref())
    }

    /// The arguments that no plugin's hook takes: whether they are there makes no difference.
    fn unseen(&self) -> impl Iterator<Item = (Hook, Argument)> {
        let domains = || [Some(&self.domain), self.other.as_ref()].into_iter().flatten();
        let pairs = Hook::ALL.iter().flat_map(|&hook| Argument::ALL.iter().map(move |&argument| (hook, argument)));
        pairs.filter(move |&(hook, argument)| {
            let mut having = domains().filter(|domain| domain.has(hook)).peekable();
            having.peek().is_some() && having.all(|domain| !domain.takes(hook, argument))
        })
    }

    /// The same without sessions that pass one of these secrets to the plugin, although it compares something with
    /// them.
    #[must_use]
    pub fn without_inputs(self, secrets: Vec<String>) -> Self {
        Self { secrets, ..self }
    }

    /// Whether a session passes a secret of the configuration to the plugin.
    fn has_secret(&self, session: &Session) -> bool {
        let is_secret = |text: &str| self.secrets.iter().any(|secret| text.contains(secret.as_str()));
        let has = |value: &Value| value.any(&|value| value.as_str().is_some_and(is_secret));
        let arguments = session.calls.iter().flat_map(|call| &call.arguments).map(|(_, value)| value);
        !self.secrets.is_empty()
            && (arguments.chain([&session.cookie, &session.session_cookie]).any(has)
                || session.calls.iter().flat_map(|call| &call.answers).any(|answer| is_secret(answer)))
    }

    /// Both domains, the AA plugin's first.
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

impl SessionSource for Generator {
    fn nominal(&self, index: u64) -> Session {
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

    fn completed(&self, mut session: Session) -> Session {
        generate::complete(&mut session, &self.domain);
        if !self.domain.foreign_cookies() {
            session.cookie = Value::empty_dict();
        }
        session
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

    fn input_to_state(&self, session: &Session, comparisons: &[CmpLogEntry]) -> Vec<Session> {
        let mut sessions = generate::input_to_state(&self.domain, session, comparisons);
        sessions.retain(|session| !self.has_secret(session));
        sessions
    }

    fn neighbours(&self, session: &Session) -> Vec<Session> {
        generate::neighbours(&self.domain, session)
    }

    fn shrinker(&self, session: &Session) -> Box<dyn SessionShrinker> {
        Box::new(Shrinker::dropping(session.clone(), self.unseen()))
    }
}

impl SessionShrinker for Shrinker {
    fn next_candidate(&mut self) -> Option<Session> {
        Self::next_candidate(self)
    }

    fn accept(&mut self, session: Session) {
        Self::accept(self, session);
    }

    fn fork(&self) -> Box<dyn SessionShrinker> {
        Box::new(self.clone())
    }
}
