//! Changes a session into one like it, and learns what to put where: [`Mutator`] makes small changes, [`Dictionary`] keeps
//! the words that they use, and [`substitutions()`] puts what the plugin compared with where the other side came from.
//!
//! Changes are made to the typed session, never to its bytes, and what comes out keeps the contract.
#![forbid(unsafe_code)]

mod dictionary;
mod substitute;

pub use dictionary::Dictionary;
pub use substitute::substitutions;

use crate::{
    case::{Session, SetOption, Value},
    generate::{Domain, OptionChoice, contract_violation, nth_session},
};

/// Changes sessions, one or a few changes at a time.
#[derive(Clone, Copy, Debug)]
pub struct Mutator<'a> {
    /// What sessions are made for.
    pub domain: &'a Domain,
    /// Words that were learned.
    pub dictionary: &'a Dictionary,
    /// Options that may be set on top of the configuration; empty where it is not varied.
    pub options: &'a [OptionChoice],
    /// Whether the content of the platform's services may change.
    pub services: bool,
}

impl Mutator<'_> {
    /// A session like `parent`, perhaps with something of `donor`: the same arguments give the same one. It differs from
    /// `parent` and keeps the contract; `None` where nothing could be changed.
    pub fn mutate(&self, seed: u64, parent: &Session, donor: Option<&Session>) -> Option<Session> {
        let fresh = nth_session(self.domain, seed, 0);
        let mut session = parent.clone();
        match seed % 4 {
            0 => session.session_cookie = donor.unwrap_or(&fresh).session_cookie.clone(),
            1 if !self.options.is_empty() => {
                let choice = &self.options[seed as usize / 4 % self.options.len()];
                let value = &choice.values[seed as usize / 16 % choice.values.len()];
                session.options = vec![SetOption {
                    section: choice.section.clone(),
                    name: choice.name.clone(),
                    value: value.clone(),
                }];
            }
            2 => session.calls = donor.unwrap_or(&fresh).calls.clone(),
            _ => session.session_cookie.set("questions", Value::text(self.dictionary.nth(seed)?)),
        }
        (session != *parent && contract_violation(&session, self.domain).is_none()).then_some(session)
    }
}
