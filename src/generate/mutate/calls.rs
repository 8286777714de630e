//! Changes which hooks a session calls, in what order, and what the user answers: within the contract, so far as one
//! change can know.

use super::{Change, Kind, place, text};
use crate::{
    case::{Call, Session, Value},
    contract::{Argument, Hook},
    generate::cookies,
};

/// The most times that a credential store is asked for credentials in one session.
const ASKED_LIMIT: usize = 5;
/// The most answers to one call's questions.
const ANSWERS_LIMIT: usize = 5;

const ASKED: [Hook; 2] = [Hook::GetPasswordList, Hook::GetPrivateKeyList];

impl<'d> Change<'d, '_, '_> {
    /// Changes the calls.
    pub(super) fn calls(&mut self, session: &mut Session) -> Option<Kind> {
        let count = session.calls.len();
        let at = self.choices.below(count);
        match self.choices.byte() {
            0..80 => self.add(session).then_some(Kind::CallAdded),
            80..130 if count > 1 => {
                session.calls.remove(at);
                Some(Kind::CallDropped)
            }
            130..190 => {
                let call = session.calls.get(at)?;
                let asked = session.calls.iter().filter(|call| ASKED.contains(&call.hook)).count();
                if !ASKED.contains(&call.hook) || asked >= ASKED_LIMIT || call.cut_off {
                    return None;
                }
                let again = call.clone();
                session.calls.insert(at, again);
                Some(Kind::CallRepeated)
            }
            190..240 if at + 1 < count => {
                session.calls.swap(at, at + 1);
                Some(Kind::CallsSwapped)
            }
            240.. => self.cut_off(session, at).then_some(Kind::CutOff),
            _ => None,
        }
    }

    /// Adds a call of a hook, in a place that it has.
    fn add(&mut self, session: &mut Session) -> bool {
        let domain = self.mutator.domain;
        if domain.hooks.is_empty() {
            return false;
        }
        let hook = *self.choices.pick(&domain.hooks);
        let has = |hook: Hook| session.calls.iter().any(|call| call.hook == hook);
        let is_cut = session.calls.iter().any(|call| call.cut_off);
        let asked = session.calls.iter().filter(|call| ASKED.contains(&call.hook)).count();
        let is_free = match hook {
            _ if is_cut => hook == Hook::SessionEnded && !has(hook),
            Hook::GetPasswordList | Hook::GetPrivateKeyList => asked < ASKED_LIMIT,
            _ => !has(hook),
        };
        if !is_free {
            return false;
        }
        let end = |hooks: &[Hook]| {
            session.calls.iter().position(|call| hooks.contains(&call.hook)).unwrap_or(session.calls.len())
        };
        let at = match hook {
            Hook::SessionEnded => session.calls.len(),
            Hook::AuthenticationCompleted | Hook::Authorize => end(&[Hook::SessionEnded]),
            Hook::Authenticate => 0,
            _ => self.choices.below(end(&[Hook::SessionEnded, Hook::AuthenticationCompleted]) + 1),
        };
        let call = self.call(session, None, hook);
        session.calls.insert(at, call);
        true
    }

    /// A call of `hook` that belongs to `session`: what it does not tell, `donor` tells, or nobody did yet.
    pub(super) fn call(&mut self, session: &Session, donor: Option<&Session>, hook: Hook) -> Call {
        let mut arguments: Vec<(Argument, Value)> = Vec::new();
        for &argument in self.mutator.domain.arguments(hook) {
            let known = |argument| place::told(session, argument);
            let own = known(argument).cloned().or_else(|| match argument {
                Argument::TargetHost | Argument::TargetServer => known(Argument::ServerHostname)
                    .filter(|name| **name != Value::Null)
                    .or_else(|| known(Argument::ServerIp))
                    .cloned(),
                _ => None,
            });
            // Another name of what this call tells already.
            let names = place::names_of(argument);
            let told = arguments.iter().find(|(known, _)| names.contains(known)).map(|(_, value)| value.clone());
            let value = own.or(told).or_else(|| place::told(donor?, argument).cloned());
            let value = match value {
                Some(value) => value,
                None => self.fresh(argument),
            };
            arguments.push((argument, value));
        }
        let mut call = Call::new(hook, arguments);
        if matches!(hook, Hook::Authenticate | Hook::Authorize) {
            call.answers.push(cookies::answer(self.choices));
        }
        call
    }

    /// Lets the platform end a call at its time limit, or not any more.
    fn cut_off(&mut self, session: &mut Session, at: usize) -> bool {
        if let Some(cut) = session.calls.iter_mut().find(|call| call.cut_off) {
            cut.cut_off = false;
            return true;
        }
        if session.calls.get(at).is_none_or(|call| call.hook == Hook::SessionEnded) {
            return false;
        }
        let ended = session.calls.iter().position(|call| call.hook == Hook::SessionEnded);
        // It may stand before the call, which then moves up.
        let at = at - usize::from(ended.is_some_and(|place| place < at));
        let ended = ended.map(|place| session.calls.remove(place));
        session.calls.truncate(at + 1);
        session.calls[at].cut_off = true;
        session.calls.extend(ended);
        true
    }

    /// Changes what the user answers.
    pub(super) fn answers(&mut self, session: &mut Session) -> Option<Kind> {
        let asking = session.calls.iter_mut().filter(|call| matches!(call.hook, Hook::Authenticate | Hook::Authorize));
        let mut asking: Vec<&mut Call> = asking.collect();
        if asking.is_empty() {
            return None;
        }
        let at = self.choices.below(asking.len());
        let answers = &mut asking[at].answers;
        let at = self.choices.below(answers.len());
        let dictionary = self.mutator.dictionary;
        match self.choices.byte() {
            0..150 if !answers.is_empty() => answers[at] = text::changed(&answers[at], self.choices, dictionary),
            150..180 if !answers.is_empty() => _ = answers.remove(at),
            _ if answers.len() >= ANSWERS_LIMIT => return None,
            byte => {
                let answer = match byte {
                    0..128 => text::word(self.choices, dictionary).into_owned(),
                    _ => cookies::answer(self.choices),
                };
                let at = if answers.is_empty() || self.choices.byte() < 128 { answers.len() } else { at };
                answers.insert(at, answer);
            }
        }
        Some(Kind::Answers)
    }
}

#[cfg(test)]
mod tests {
    use arbitrary::Unstructured;

    use super::*;
    use crate::{
        contract::{Platform, PluginType},
        generate::{Dictionary, Domain, choices::Choices, mutate::Mutator},
        trace::PluginTokens,
    };

    #[test]
    fn a_call_that_an_earlier_change_put_behind_the_end_is_cut_off_before_it() {
        let domain =
            Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
        let dictionary = Dictionary::new(&domain);
        let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &[], services: false };
        let mut bytes = Unstructured::new(&[]);
        let mut change = Change { mutator: &mutator, choices: &mut Choices::new(&mut bytes, &domain) };
        let hooks = [Hook::GetPasswordList, Hook::SessionEnded, Hook::AuthenticationCompleted];
        let mut session = Session::new(hooks.map(|hook| Call::new(hook, Vec::new())).to_vec());
        assert!(change.cut_off(&mut session, 2));
        let calls: Vec<(Hook, bool)> = session.calls.iter().map(|call| (call.hook, call.cut_off)).collect();
        let [asked, ended, completed] = hooks;
        assert_eq!(calls, [(asked, false), (completed, true), (ended, false)]);
    }
}
