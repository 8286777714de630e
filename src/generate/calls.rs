//! Which hooks a session calls, in what order: the everyday path and the odd ones that the contract names.

use crate::{
    case::Call,
    contract::Hook,
    generate::{
        Domain,
        choices::Choices,
        connection::{Connection, Told},
        cookies,
    },
};

/// The most times that a credential store is asked for credentials in one session.
const ASKED_LIMIT: usize = 5;

/// The calls of a session while they are made.
pub(super) struct Calls<'c> {
    connection: &'c Connection,
    made: Vec<Call>,
    /// Whether the user left before the target was reached.
    given_up: bool,
}

impl<'c> Calls<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, made: Vec::with_capacity(8), given_up: false }
    }

    /// Whether the user left before the target was reached.
    pub(super) const fn given_up(&self) -> bool {
        self.given_up
    }

    /// The calls.
    pub(super) fn into_made(self) -> Vec<Call> {
        self.made
    }

    /// Adds a call of `hook`, if the plugin has it.
    fn add(&mut self, domain: &Domain, hook: Hook, other: bool, told: Told) -> Option<&mut Call> {
        if !domain.has(hook) {
            return None;
        }
        let arguments = self.connection.arguments(domain.arguments(hook), told);
        self.made.push(Call { hook, other, arguments, answers: Vec::new(), cut_off: false });
        self.made.last_mut()
    }

    /// What a credential store is asked, but for the end \[G\].
    pub(super) fn store(&mut self, choices: &mut Choices<'_, '_>, domain: &Domain, other: bool) {
        use Hook::{
            AuthenticationCompleted, GetPasswordList, GetPrivateKeyList, GetRemoteAppCredentials, GetTotpCodes,
        };
        let strays = choices.mood.strays;
        let mut add = |hook| _ = self.add(domain, hook, other, Told::All);

        let remote_app = domain.has(GetRemoteAppCredentials) && (!strays || choices.chance(64));
        let remote_app_late = remote_app && choices.strays(60);
        if remote_app && !remote_app_late {
            add(GetRemoteAppCredentials);
        }

        // Passwords, keys, or both in any order; again while the target refuses what it got.
        let both = [GetPasswordList, GetPrivateKeyList];
        let asked = match choices.byte() {
            _ if !strays => &both[..],
            0..90 => &both[..1],
            90..140 => &both[1..],
            140.. => &both[..],
        };
        // A plugin that lacks one of the two is asked for the other.
        let asked = if asked.iter().any(|hook| domain.has(*hook)) { asked } else { &both[..] };
        let backwards = strays && choices.chance(100);
        let again = match choices.byte() {
            _ if !strays => 0,
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
        if domain.has(GetTotpCodes) && (!strays || choices.chance(80)) {
            add(GetTotpCodes);
        }
        // Also where nothing was found: the user typed a password.
        if !choices.strays(48) {
            add(AuthenticationCompleted);
        }
    }

    /// What an AA plugin is asked, but for the end \[A\].
    pub(super) fn aa(&mut self, choices: &mut Choices<'_, '_>, domain: &Domain, other: bool) {
        // Where the other plugin asks, giving up would leave nothing to test.
        let gives_up = choices.mood.strays && !other;
        let known = self.connection.user().and_then(|user| domain.answer_of(user));
        if let Some(call) = self.add(domain, Hook::Authenticate, other, Told::AtFirst) {
            let count = match choices.byte() {
                0..120 => 1,
                120..170 => 2,
                170..210 => 3,
                // The user gives up at the first question.
                210.. => usize::from(!gives_up),
            };
            call.answers.extend((0..count).map(|_| match known {
                Some(known) if choices.byte() < 160 => known.to_owned(),
                _ => cookies::answer(choices),
            }));
        }
        if !other && choices.strays(16) {
            self.given_up = true;
            return;
        }
        if let Some(call) = self.add(domain, Hook::Authorize, other, Told::Later) {
            let count = match choices.byte() {
                _ if !gives_up => 1,
                0..170 => 0,
                170..235 => 1,
                235.. => 2,
            };
            call.answers.extend((0..count).map(|_| cookies::answer(choices)));
        }
    }

    /// Cuts one of the calls off, rarely; nothing but the end follows it \[G\].
    pub(super) fn cut_off(&mut self, choices: &mut Choices<'_, '_>) {
        if choices.strays(10) && !self.made.is_empty() {
            let place = choices.below(self.made.len());
            self.made.truncate(place + 1);
            self.made[place].cut_off = true;
        }
    }

    /// Tells a plugin that the session ended, if it was ever called.
    pub(super) fn end(&mut self, domain: &Domain, other: bool) {
        if self.made.is_empty() || self.made.iter().any(|call| call.other == other) {
            self.add(domain, Hook::SessionEnded, other, Told::All);
        }
    }
}
