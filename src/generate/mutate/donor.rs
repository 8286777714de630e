//! Takes something over from another session: an argument, one side of the connection, what stands around the calls, or
//! the order of the calls.

use super::{
    Change, Kind,
    place::{tell, told},
    value,
};
use crate::{
    case::{Call, Session, Value},
    contract::{Argument, Hook},
};

/// What hangs together in a connection.
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
    /// Puts something of `donor` into `session`.
    pub(super) fn splice(&mut self, session: &mut Session, donor: &Session) -> Option<Kind> {
        let is_changed = match self.choices.byte() {
            0..70 => {
                let argument = self.any_argument(donor)?;
                let value = told(donor, argument)?;
                argument != Argument::SessionId && tell(session, self.mutator.domain, argument, value)
            }
            70..110 => self.side(session, donor),
            110..160 => {
                // Some of what the other plugins left, or all of it.
                let Value::Dict(entries) = &donor.session_cookie else { return None };
                match &mut session.session_cookie {
                    Value::Dict(own) if !entries.is_empty() && self.choices.byte() < 170 => {
                        let (key, new) = entries[self.choices.below(entries.len())].clone();
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
                let own = |option: &&crate::case::SetOption| {
                    self.mutator
                        .options
                        .iter()
                        .any(|known| known.section == option.section && known.name == option.name)
                };
                session.options = donor.options.iter().filter(own).cloned().collect();
                // What they name.
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
        is_changed.then_some(Kind::Spliced)
    }

    /// Takes one side of the connection over.
    fn side(&mut self, session: &mut Session, donor: &Session) -> bool {
        let mut is_changed = false;
        for argument in *self.choices.pick(&SIDES) {
            if let Some(value) = told(donor, *argument) {
                is_changed |= tell(session, self.mutator.domain, *argument, value);
            }
        }
        is_changed
    }

    /// Calls what the donor calls, in its order.
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

    /// Takes one of the pairs over.
    fn pairs(&mut self, session: &mut Session, donor: &Session) -> Option<bool> {
        let Value::Dict(of_donor) = told(donor, Argument::KeyValuePairs)? else { return None };
        let (key, value) = of_donor.get(self.choices.below(of_donor.len()))?;
        let mut own = told(session, Argument::KeyValuePairs)?.clone();
        own.set(key, value.clone());
        Some(tell(session, self.mutator.domain, Argument::KeyValuePairs, &own))
    }
}
