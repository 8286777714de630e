//! Changes which hooks a session calls, in what order, and the user's answers. One change alone may still violate the
//! contract; the mutator checks that at the end.

use super::{
    mutator::{Change, MutationKind},
    session_values, text,
};
use crate::{
    case::{Call, Session, Value},
    contract::{Argument, Hook},
    generate::{cookies, paths::synonyms},
};

/// The most times that a credential store is asked for credentials in one session.
const ASKED_LIMIT: usize = 5;
/// The most answers to the questions of one call.
const ANSWERS_LIMIT: usize = 5;

const ASKED: [Hook; 2] = [Hook::GetPasswordList, Hook::GetPrivateKeyList];

impl<'d> Change<'d, '_, '_> {
    /// Changes the calls.
    pub(super) fn calls(&mut self, session: &mut Session) -> Option<MutationKind> {
        let count = session.calls.len();
        let at = self.source.below(count);
        match self.source.byte() {
            0..80 => self.add(session).then_some(MutationKind::CallAdded),
            80..130 if count > 1 => {
                session.calls.remove(at);
                Some(MutationKind::CallDropped)
            }
            130..190 => {
                let call = session.calls.get(at)?;
                let asked = session.calls.iter().filter(|call| ASKED.contains(&call.hook)).count();
                if !ASKED.contains(&call.hook) || asked >= ASKED_LIMIT || call.cut_off {
                    return None;
                }
                let again = call.clone();
                session.calls.insert(at, again);
                Some(MutationKind::CallRepeated)
            }
            190..240 if at + 1 < count => {
                session.calls.swap(at, at + 1);
                Some(MutationKind::CallsSwapped)
            }
            240.. => self.cut_off(session, at).then_some(MutationKind::CutOff),
            _ => None,
        }
    }

    /// Adds a call of a hook, at a position where the platform makes it.
    fn add(&mut self, session: &mut Session) -> bool {
        let domain = self.mutator.domain;
        if domain.hooks.is_empty() {
            return false;
        }
        let hook = *self.source.pick(&domain.hooks);
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
            _ => self.source.below(end(&[Hook::SessionEnded, Hook::AuthenticationCompleted]) + 1),
        };
        let call = self.call(session, None, hook);
        session.calls.insert(at, call);
        true
    }

    /// A call of `hook` that fits `session`. Arguments that `session` does not have come from `donor`, or are new.
    pub(super) fn call(&mut self, session: &Session, donor: Option<&Session>, hook: Hook) -> Call {
        let mut arguments: Vec<(Argument, Value)> = Vec::new();
        for &argument in self.mutator.domain.arguments(hook) {
            let known = |argument| session_values::value_of(session, argument);
            let own = known(argument).cloned().or_else(|| match argument {
                Argument::TargetHost | Argument::TargetServer => known(Argument::ServerHostname)
                    .filter(|name| **name != Value::Null)
                    .or_else(|| known(Argument::ServerIp))
                    .cloned(),
                _ => None,
            });
            // This call may have the value by another name.
            let names = synonyms(argument);
            let same = arguments.iter().find(|(known, _)| names.contains(known)).map(|(_, value)| value.clone());
            let value = own.or(same).or_else(|| session_values::value_of(donor?, argument).cloned());
            let value = match value {
                Some(value) => value,
                None => self.fresh(argument),
            };
            arguments.push((argument, value));
        }
        let mut call = Call::new(hook, arguments);
        if matches!(hook, Hook::Authenticate | Hook::Authorize) {
            call.answers.push(cookies::answer(self.source));
        }
        call
    }

    /// Lets the platform cut off a call at its time limit, or lets a call end that was cut off.
    fn cut_off(&mut self, session: &mut Session, at: usize) -> bool {
        if let Some(cut) = session.calls.iter_mut().find(|call| call.cut_off) {
            cut.cut_off = false;
            return true;
        }
        if session.calls.get(at).is_none_or(|call| call.hook == Hook::SessionEnded) {
            return false;
        }
        let ended = session.calls.iter().position(|call| call.hook == Hook::SessionEnded);
        // If it is before the call, the call moves up.
        let at = at - usize::from(ended.is_some_and(|place| place < at));
        let ended = ended.map(|place| session.calls.remove(place));
        session.calls.truncate(at + 1);
        session.calls[at].cut_off = true;
        session.calls.extend(ended);
        true
    }

    /// Changes the user's answers.
    pub(super) fn answers(&mut self, session: &mut Session) -> Option<MutationKind> {
        let asking = session.calls.iter_mut().filter(|call| matches!(call.hook, Hook::Authenticate | Hook::Authorize));
        let mut asking: Vec<&mut Call> = asking.collect();
        if asking.is_empty() {
            return None;
        }
        let at = self.source.below(asking.len());
        let answers = &mut asking[at].answers;
        let at = self.source.below(answers.len());
        let dictionary = self.mutator.dictionary;
        match self.source.byte() {
            0..150 if !answers.is_empty() => answers[at] = text::changed(&answers[at], self.source, dictionary),
            150..180 if !answers.is_empty() => _ = answers.remove(at),
            _ if answers.len() >= ANSWERS_LIMIT => return None,
            byte => {
                let answer = match byte {
                    0..128 => text::token(self.source, dictionary).into_owned(),
                    _ => cookies::answer(self.source),
                };
                let at = if answers.is_empty() || self.source.byte() < 128 { answers.len() } else { at };
                answers.insert(at, answer);
            }
        }
        Some(MutationKind::Answers)
    }
}

#[cfg(test)]
mod tests {
    use arbitrary::Unstructured;

    use super::*;
    use crate::{
        contract::{Platform, PluginType},
        generate::{Dictionary, Domain, mutate::Mutator, source::DomainSource},
        trace::PluginTokens,
    };

    #[test]
    fn a_call_after_session_ended_is_cut_off_before_it() {
        let domain =
            Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
        let dictionary = Dictionary::new(&domain);
        let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &[], services: false };
        let mut bytes = Unstructured::new(&[]);
        let mut change = Change { mutator: &mutator, source: &mut DomainSource::new(&mut bytes, &domain) };
        let hooks = [Hook::GetPasswordList, Hook::SessionEnded, Hook::AuthenticationCompleted];
        let mut session = Session::new(hooks.map(|hook| Call::new(hook, Vec::new())).to_vec());
        assert!(change.cut_off(&mut session, 2));
        let calls: Vec<(Hook, bool)> = session.calls.iter().map(|call| (call.hook, call.cut_off)).collect();
        let [asked, ended, completed] = hooks;
        assert_eq!(calls, [(asked, false), (completed, true), (ended, false)]);
    }
}
