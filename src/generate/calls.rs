//! Which hooks a session calls, in what order: the nominal order and the other orders that the contract allows.

use crate::{
    case::Call,
    contract::Hook,
    generate::{
        Domain,
        connection::{Connection, KnownValues},
        cookies,
        source::DomainSource,
    },
};

/// The most times that a credential store is asked for credentials in one session.
const ASKED_LIMIT: usize = 5;

/// The calls of a session while they are made.
pub(super) struct Calls<'c> {
    connection: &'c Connection,
    made: Vec<Call>,
    /// Whether the user gave up before the target was reached.
    given_up: bool,
}

impl<'c> Calls<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, made: Vec::with_capacity(8), given_up: false }
    }

    pub(super) const fn given_up(&self) -> bool {
        self.given_up
    }

    pub(super) fn into_made(self) -> Vec<Call> {
        self.made
    }

    /// Adds a call of `hook`, if the plugin has it.
    fn add(&mut self, domain: &Domain, hook: Hook, other: bool, known: KnownValues) -> Option<&mut Call> {
        if !domain.has(hook) {
            return None;
        }
        let arguments = self.connection.arguments(domain.arguments(hook), known);
        self.made.push(Call { hook, other, arguments, answers: Vec::new(), cut_off: false });
        self.made.last_mut()
    }

    /// Adds the calls of a credential store, except `session_ended` \[G\].
    pub(super) fn store(&mut self, source: &mut DomainSource<'_, '_>, domain: &Domain, other: bool) {
        use Hook::{
            AuthenticationCompleted, GetPasswordList, GetPrivateKeyList, GetRemoteAppCredentials, GetTotpCodes,
        };
        let may_deviate = source.may_deviate();
        let mut add = |hook| _ = self.add(domain, hook, other, KnownValues::All);

        let remote_app = domain.has(GetRemoteAppCredentials) && (!may_deviate || source.chance(64));
        let remote_app_late = remote_app && source.deviates(60);
        if remote_app && !remote_app_late {
            add(GetRemoteAppCredentials);
        }

        // Passwords, keys, or both in any order. The platform asks again when the target refuses them.
        let both = [GetPasswordList, GetPrivateKeyList];
        let asked = match source.byte() {
            _ if !may_deviate => &both[..],
            0..90 => &both[..1],
            90..140 => &both[1..],
            140.. => &both[..],
        };
        // The platform asks a plugin that has only one of the two hooks for that one.
        let asked = if asked.iter().any(|hook| domain.has(*hook)) { asked } else { &both[..] };
        let backwards = may_deviate && source.chance(100);
        let again = match source.byte() {
            _ if !may_deviate => 0,
            0..176 => 0,
            176..226 => 1,
            226..248 => 2,
            248.. => ASKED_LIMIT - 2,
        };
        for place in 0..asked.len() + again {
            let place = if backwards { asked.len() - 1 - place % asked.len() } else { place % asked.len() };
            add(asked[place]);
        }

        if remote_app_late {
            add(GetRemoteAppCredentials);
        }
        if domain.has(GetTotpCodes) && (!may_deviate || source.chance(80)) {
            add(GetTotpCodes);
        }
        // The platform also calls it if the plugin returned nothing: then the user typed a password.
        if !source.deviates(48) {
            add(AuthenticationCompleted);
        }
    }

    /// Adds the calls of an AA plugin, except `session_ended` \[A\].
    pub(super) fn aa(&mut self, source: &mut DomainSource<'_, '_>, domain: &Domain, other: bool) {
        // If the user gave up in the other plugin, the plugin under test would never be called.
        let gives_up = source.may_deviate() && !other;
        let known = self.connection.user().and_then(|user| domain.answer_of(user));
        if let Some(call) = self.add(domain, Hook::Authenticate, other, KnownValues::InAuthenticate) {
            let count = match source.byte() {
                0..120 => 1,
                120..170 => 2,
                170..210 => 3,
                // The user gives up at the first question.
                210.. => usize::from(!gives_up),
            };
            call.answers.extend((0..count).map(|_| match known {
                Some(known) if source.byte() < 160 => known.to_owned(),
                _ => cookies::answer(source),
            }));
        }
        if !other && source.deviates(16) {
            self.given_up = true;
            return;
        }
        if let Some(call) = self.add(domain, Hook::Authorize, other, KnownValues::InAuthorize) {
            let count = match source.byte() {
                _ if !gives_up => 1,
                0..170 => 0,
                170..235 => 1,
                235.. => 2,
            };
            call.answers.extend((0..count).map(|_| cookies::answer(source)));
        }
    }

    /// Rarely cuts off one of the calls; only `session_ended` follows it \[G\].
    pub(super) fn cut_off(&mut self, source: &mut DomainSource<'_, '_>) {
        if source.deviates(10) && !self.made.is_empty() {
            let place = source.below(self.made.len());
            self.made.truncate(place + 1);
            self.made[place].cut_off = true;
        }
    }

    /// Adds `session_ended`, if the plugin was called at all.
    pub(super) fn end(&mut self, domain: &Domain, other: bool) {
        if self.made.is_empty() || self.made.iter().any(|call| call.other == other) {
            self.add(domain, Hook::SessionEnded, other, KnownValues::All);
        }
    }
}
