//! Changes a session into one like it, and learns what to put where: [`Mutator`] makes one or a few small changes,
//! [`Dictionary`] keeps the words that they use, and [`substitutions()`] puts what the plugin compared with where the other
//! side came from.
//!
//! Changes are made to the typed session, never to its bytes, and what comes out keeps the contract: a value that several
//! calls tell changes in all of them, a host takes its server along, and [`contract_violation`] has the last word. Everything
//! new comes from the generators and is drawn from bytes as there, so that the same seed gives the same session.
//!
//! The `mutatis` crate was looked at and not taken: it counts the changes that each field of a type could have and picks one
//! of them, while here one value stands in many calls and has two names, the words count for more than the fields, and the
//! generators that make new values draw from `Unstructured`, which it knows nothing of.
//!
//! | file | what it changes |
//! | --- | --- |
//! | `arguments` | what is passed |
//! | `calls` | which hooks are called, and what the user answers |
//! | `around` | cookies, services and options |
//! | `donor` | something of it for something of another session |
//! | `text`, `value` | one text, one value |
//! | `place` | where a value stands, and all places that must change with it |
//! | `substitute`, `spelling`, `pattern` | input-to-state |

mod arguments;
mod around;
mod calls;
mod dictionary;
mod donor;
mod pattern;
mod place;
mod spelling;
mod substitute;
mod text;
mod value;

#[cfg(test)]
mod reach;
#[cfg(test)]
mod tests;

use arbitrary::Unstructured;
pub use dictionary::Dictionary;
use rand_xoshiro::{
    SplitMix64, Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};
pub use substitute::substitutions;

use crate::{
    case::Session,
    contract::{Argument, Hook},
    generate::{Domain, OptionChoice, choices::Choices, contract_violation},
};

/// How many bytes one attempt draws from; beyond them everything is plain.
const BYTES: usize = 384;
/// How often it is tried to change a session before it is given up.
const ATTEMPTS: u64 = 12;
/// How often it is tried to make one change.
const TRIES: usize = 6;
/// How many of 256 changes are made where no hook looks: its signature may tell too little.
const UNSEEN: u8 = 16;

/// Changes sessions, one or a few changes at a time.
///
/// ```
/// use hookstorm::{
///     contract::{Hook, Platform, PluginType},
///     generate::{Dictionary, Domain, Mutator, PluginTokens, contract_violation, nth_session},
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
    /// PluginTokens that were learned.
    pub dictionary: &'a Dictionary,
    /// Options that may be set on top of the configuration; empty where it is not varied.
    pub options: &'a [OptionChoice],
    /// Whether the content of the platform's services may change.
    pub services: bool,
}

/// What a change was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
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
    Completed,
}

impl Mutator<'_> {
    /// A session like `parent`, perhaps with something of `donor`: the same arguments give the same one. It differs from
    /// `parent` and keeps the contract; `None` where nothing could be changed.
    pub fn mutate(&self, seed: u64, parent: &Session, donor: Option<&Session>) -> Option<Session> {
        self.mutate_and_tell(seed, parent, donor, |_| ())
    }

    /// The same; `tell` hears of each change.
    fn mutate_and_tell(
        &self,
        seed: u64,
        parent: &Session,
        donor: Option<&Session>,
        tell: impl FnMut(Kind),
    ) -> Option<Session> {
        let mut bytes = [0; BYTES];
        for attempt in 0..ATTEMPTS {
            Xoshiro256PlusPlus::seed_from_u64(scatter(seed) ^ attempt).fill_bytes(&mut bytes);
            let mut source = Unstructured::new(&bytes);
            let mut choices = Choices::new(&mut source, self.domain);
            let count = match choices.byte() {
                0..150 => 1,
                150..210 => 2,
                210..240 => 3,
                240.. => 4,
            };
            let mut session = parent.clone();
            let mut change = Change { mutator: self, choices: &mut choices };
            let mut kinds = [None; 4];
            for kind in &mut kinds[..count] {
                *kind = change.one(&mut session, donor);
            }
            if session != *parent && contract_violation(&session, self.domain).is_none() {
                kinds.into_iter().flatten().for_each(tell);
                return Some(session);
            }
        }
        None
    }
}

/// Neighbouring seeds must not share their bytes.
pub(super) fn scatter(seed: u64) -> u64 {
    SplitMix64::seed_from_u64(seed).next_u64()
}

/// A change while it is made.
struct Change<'d, 'c, 'u> {
    mutator: &'c Mutator<'d>,
    choices: &'c mut Choices<'d, 'u>,
}

impl Change<'_, '_, '_> {
    /// Changes one thing.
    fn one(&mut self, session: &mut Session, donor: Option<&Session>) -> Option<Kind> {
        if let Some(kind) = self.complete(session) {
            return Some(kind);
        }
        let domain = self.mutator.domain;
        let asks = domain.has(Hook::Authenticate);
        let sees = |argument| session.calls.iter().any(|call| domain.takes(call.hook, argument));
        let sees_session_cookie = sees(Argument::SessionCookie) || self.choices.byte() < UNSEEN;
        for _ in 0..TRIES {
            let kind = match self.choices.byte() {
                0..106 => self.argument(session),
                106..142 if sees_session_cookie => self.session_cookie(session),
                142..164 => self.calls(session),
                164..186 => donor.and_then(|donor| self.splice(session, donor)),
                186..206 if asks => self.answers(session),
                206..226 if !self.mutator.options.is_empty() => self.option(session),
                226..242 if self.mutator.services => self.services(session),
                242..245 => self.cookie(session),
                _ => self.argument(session),
            };
            if kind.is_some() {
                return kind;
            }
        }
        None
    }

    /// Passes what a case that was made small leaves out, now and then. An argument is never taken away: the platform
    /// passes all that it has, and a hook that demands one would fail for no fault of its own.
    fn complete(&mut self, session: &mut Session) -> Option<Kind> {
        let is_whole =
            |call: &crate::case::Call| call.arguments.len() >= self.mutator.domain.arguments(call.hook).len();
        if session.calls.iter().all(is_whole) || self.choices.byte() >= 64 {
            return None;
        }
        for at in 0..session.calls.len() {
            let whole = self.call(session, None, session.calls[at].hook).arguments;
            session.calls[at].arguments = whole;
        }
        Some(Kind::Completed)
    }
}
