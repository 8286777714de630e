//! Takes a part of another session: an argument, one side of the connection, cookies, services or options, or the order
//! of the calls.

use super::{
    mutator::{Change, MutationKind},
    session_values::{assign, value_of},
    value,
};
use crate::{
    case::{Call, Session, SetOption, Value},
    contract::{Argument, Hook},
};

/// Arguments that belong together in a connection.
const SIDES: [&[Argument]; 3] = [
    &[
        Argument::GatewayUser,
        Argument::GatewayDomain,
        Argument::GatewayPassword,
        Argument::GatewayGroups,
        Argument::KeyValuePairs,
    ],
    &[
        Argument::ServerUsername,
        Argument::ServerDomain,
        Argument::ServerPort,
        Argument::ServerIp,
        Argument::ServerHostname,
        Argument::TargetHost,
    ],
    &[Argument::ClientIp, Argument::ClientPort, Argument::ClientHostname, Argument::Protocol, Argument::ConnectionName],
];

impl Change<'_, '_, '_> {
    /// Puts a part of `donor` into `session`.
    pub(super) fn splice(&mut self, session: &mut Session, donor: &Session) -> Option<MutationKind> {
        let is_changed = match self.source.byte() {
            0..70 => {
                let argument = self.any_argument(donor)?;
                let value = value_of(donor, argument)?;
                argument != Argument::SessionId && assign(session, self.mutator.domain, argument, value)
            }
            70..110 => self.side(session, donor),
            110..160 => {
                // One entry of the session cookie, or all of it.
                let Value::Dict(entries) = &donor.session_cookie else { return None };
                match &mut session.session_cookie {
                    Value::Dict(own) if !entries.is_empty() && self.source.byte() < 170 => {
                        let (key, new) = entries[self.source.below(entries.len())].clone();
                        value::insert(own, key, new);
                    }
                    cookie => cookie.clone_from(&donor.session_cookie),
                }
                true
            }
            160..190 => self.order(session, donor),
            190..210 => {
                let answering = |call: &&Call| !call.answers.is_empty();
                let answers = &donor.calls.iter().find(answering)?.answers;
                let asks = |call: &&mut Call| matches!(call.hook, Hook::Authenticate | Hook::Authorize);
                session.calls.iter_mut().find(asks)?.answers.clone_from(answers);
                true
            }
            210..230 => self.pairs(session, donor)?,
            230..244 if !self.mutator.options.is_empty() => {
                let own = |option: &&SetOption| {
                    self.mutator
                        .options
                        .iter()
                        .any(|known| known.section == option.section && known.name == option.name)
                };
                session.options = donor.options.iter().filter(own).cloned().collect();
                // The services have the policies that the options name.
                session.services.clone_from(&donor.services);
                true
            }
            244.. if self.mutator.services && session.options == donor.options => {
                session.services.clone_from(&donor.services);
                true
            }
            _ => {
                session.cookie.clone_from(&donor.cookie);
                true
            }
        };
        is_changed.then_some(MutationKind::Spliced)
    }

    /// Takes one side of the connection.
    fn side(&mut self, session: &mut Session, donor: &Session) -> bool {
        let mut is_changed = false;
        for argument in *self.source.pick(&SIDES) {
            if let Some(value) = value_of(donor, *argument) {
                is_changed |= assign(session, self.mutator.domain, *argument, value);
            }
        }
        is_changed
    }

    /// Takes the hooks that the donor calls, in its order.
    fn order(&mut self, session: &mut Session, donor: &Session) -> bool {
        let hooks = |session: &Session| session.calls.iter().map(|call| (call.hook, call.cut_off)).collect::<Vec<_>>();
        if hooks(session) == hooks(donor) || donor.calls.iter().any(|call| !self.mutator.domain.has(call.hook)) {
            return false;
        }
        let calls = donor.calls.iter().map(|of_donor| {
            let own = session.calls.iter().find(|call| call.hook == of_donor.hook);
            let call = own.cloned().unwrap_or_else(|| self.call(session, Some(donor), of_donor.hook));
            Call { cut_off: of_donor.cut_off, ..call }
        });
        session.calls = calls.collect();
        true
    }

    /// Takes one of the key-value pairs.
    fn pairs(&mut self, session: &mut Session, donor: &Session) -> Option<bool> {
        let Value::Dict(of_donor) = value_of(donor, Argument::KeyValuePairs)? else { return None };
        let (key, value) = of_donor.get(self.source.below(of_donor.len()))?;
        let mut own = value_of(session, Argument::KeyValuePairs)?.clone();
        own.set(key, value.clone());
        Some(assign(session, self.mutator.domain, Argument::KeyValuePairs, &own))
    }
}
