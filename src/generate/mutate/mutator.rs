//! Makes one or a few small changes to a session.

use arbitrary::Unstructured;

use super::Dictionary;
use crate::{
    case::Session,
    contract::{Argument, Hook},
    generate::{
        Domain, OptionChoice, complete, contract_violation,
        source::{DomainSource, fill_nth},
    },
};

/// How many bytes one attempt draws from; after them every choice is the plainest.
const BYTES: usize = 384;
/// How many attempts to change a session before giving up.
const ATTEMPTS: u64 = 12;
/// How many tries to make one change.
const TRIES: usize = 6;
/// How many of 256 changes affect arguments that no hook takes: a signature may not show everything that a hook uses.
pub(super) const UNSEEN: u8 = 16;

/// Changes sessions, one or a few changes at a time.
///
/// ```
/// use hookstorm::{
///     contract::{Hook, Platform, PluginType},
///     generate::{Dictionary, Domain, Mutator, contract_violation, nth_session},
///     trace::PluginTokens,
/// };
///
/// let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
/// let dictionary = Dictionary::new(&domain);
/// let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &[], services: false };
/// let parent = nth_session(&domain, 42, 0);
/// let child = mutator.mutate(7, &parent, None).unwrap();
/// assert_ne!(child, parent);
/// assert_eq!(contract_violation(&child, &domain), None);
/// assert_eq!(Some(child), mutator.mutate(7, &parent, None));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mutator<'a> {
    /// What sessions are made for.
    pub domain: &'a Domain,
    /// Tokens that were learned from the plugin's runs.
    pub dictionary: &'a Dictionary,
    /// Options that may be set on top of the configuration; empty without `--vary-config`.
    pub options: &'a [OptionChoice],
    /// Whether the content of the platform's services may change.
    pub services: bool,
}

/// What a change was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum MutationKind {
    Fresh,
    Nobody,
    Equal,
    Moved,
    Changed,
    Unknown,
    CallAdded,
    CallDropped,
    CallRepeated,
    CallsSwapped,
    CutOff,
    Answers,
    SessionCookie,
    Cookie,
    Services,
    Option,
    OptionDropped,
    Spliced,
}

impl Mutator<'_> {
    /// A session like `parent`, perhaps with a part of `donor`: the same arguments give the same session. It differs
    /// from `parent`, keeps the contract and passes every argument; `None` if no change was possible.
    pub fn mutate(&self, seed: u64, parent: &Session, donor: Option<&Session>) -> Option<Session> {
        self.mutate_observed(seed, parent, donor, |_| ())
    }

    /// As [`Self::mutate`]; calls `observe` with each change.
    pub(super) fn mutate_observed(
        &self,
        seed: u64,
        parent: &Session,
        donor: Option<&Session>,
        observe: impl FnMut(MutationKind),
    ) -> Option<Session> {
        let mut bytes = [0; BYTES];
        for attempt in 0..ATTEMPTS {
            fill_nth(seed, attempt, &mut bytes);
            let mut bytes = Unstructured::new(&bytes);
            let mut source = DomainSource::new(&mut bytes, self.domain);
            let count = match source.byte() {
                0..150 => 1,
                150..210 => 2,
                210..240 => 3,
                240.. => 4,
            };
            let mut session = parent.clone();
            complete(&mut session, self.domain);
            let mut change = Change { mutator: self, source: &mut source };
            let mut kinds = [None; 4];
            for kind in &mut kinds[..count] {
                *kind = change.one(&mut session, donor);
            }
            if session != *parent && contract_violation(&session, self.domain).is_none() {
                kinds.into_iter().flatten().for_each(observe);
                return Some(session);
            }
        }
        None
    }
}

/// A change that is being made.
pub(super) struct Change<'d, 'c, 'u> {
    pub(super) mutator: &'c Mutator<'d>,
    pub(super) source: &'c mut DomainSource<'d, 'u>,
}

impl Change<'_, '_, '_> {
    /// Makes one change.
    fn one(&mut self, session: &mut Session, donor: Option<&Session>) -> Option<MutationKind> {
        let domain = self.mutator.domain;
        let asks = domain.has(Hook::Authenticate);
        let sees = |argument| session.calls.iter().any(|call| domain.takes(call.hook, argument));
        let sees_session_cookie = sees(Argument::SessionCookie) || self.source.byte() < UNSEEN;
        for _ in 0..TRIES {
            let kind = match self.source.byte() {
                0..106 => self.argument(session),
                106..142 if sees_session_cookie => self.session_cookie(session),
                142..164 => self.calls(session),
                164..186 => donor.and_then(|donor| self.splice(session, donor)),
                186..206 if asks => self.answers(session),
                206..226 if !self.mutator.options.is_empty() => self.option(session),
                226..242 if self.mutator.services => self.services(session),
                242..245 if domain.foreign_cookies() => self.cookie(session),
                _ => self.argument(session),
            };
            if kind.is_some() {
                return kind;
            }
        }
        None
    }
}
