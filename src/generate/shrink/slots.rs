//! The values of a session, each once however many calls pass it, and all places where it must change together.

use crate::{
    case::{Session, Value},
    contract::{Argument, ArgumentKind},
    generate::{hosts::is_hostname, paths::canonical, text::may_be_chosen},
};

/// The canonical name of the host that the user asked for.
const TARGET: Argument = Argument::TargetHost;

const PLAIN_ANSWER: &str = "4nsw3r-Qz7-alice";

/// A value of a session.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) location: SlotLocation,
    pub(super) value: Value,
}

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotLocation {
    /// The plugin's first cookie.
    Cookie,
    /// The first session cookie.
    SessionCookie,
    /// The content of the platform's services.
    Services,
    /// All calls that pass this value as this argument or as a synonym.
    Argument(Argument),
    /// The numbers of a call and of one of its answers.
    Answer(usize, usize),
}

/// All values of `session`.
pub(super) fn slots(session: &Session) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    for (argument, value) in session.calls.iter().flat_map(|call| &call.arguments) {
        let meaning = canonical(*argument);
        // A target that is the server's name or address changes together with that.
        let is_passed_elsewhere = meaning == TARGET
            && passed(session, Argument::ServerIp).chain(passed(session, Argument::ServerHostname)).any(|v| v == value);
        let location = SlotLocation::Argument(meaning);
        if !is_passed_elsewhere && !slots.iter().any(|slot| slot.location == location && slot.value == *value) {
            slots.push(Slot { location, value: value.clone() });
        }
    }
    for (call_index, call) in session.calls.iter().enumerate() {
        for (index, answer) in call.answers.iter().enumerate() {
            slots.push(Slot { location: SlotLocation::Answer(call_index, index), value: answer.as_str().into() });
        }
    }
    slots.push(Slot { location: SlotLocation::SessionCookie, value: session.session_cookie.clone() });
    slots.push(Slot { location: SlotLocation::Cookie, value: session.cookie.clone() });
    slots.push(Slot { location: SlotLocation::Services, value: session.services.clone() });
    slots
}

/// The values that calls pass as `argument` or as a synonym.
pub(in crate::generate) fn passed(session: &Session, argument: Argument) -> impl Iterator<Item = &Value> {
    let calls = session.calls.iter();
    calls
        .flat_map(|call| &call.arguments)
        .filter(move |(known, _)| canonical(*known) == canonical(argument))
        .map(|(_, value)| value)
}

/// Puts `value` at the location of `slot`.
pub(super) fn replace(session: &mut Session, slot: &Slot, value: &Value) {
    match slot.location {
        SlotLocation::Cookie => session.cookie = value.clone(),
        SlotLocation::SessionCookie => session.session_cookie = value.clone(),
        SlotLocation::Services => session.services = value.clone(),
        SlotLocation::Answer(call, index) => {
            let answer = session.calls.get_mut(call).and_then(|call| call.answers.get_mut(index));
            if let (Some(answer), Some(text)) = (answer, value.as_str()) {
                text.clone_into(answer);
            }
        }
        SlotLocation::Argument(argument) => {
            let is_host = matches!(argument, Argument::ServerIp | Argument::ServerHostname);
            // A target whose name is removed becomes its address.
            let host = match value {
                Value::Null => passed(session, Argument::ServerIp).next().cloned().or(plain(Argument::ServerIp)),
                known => Some(known.clone()),
            };
            for (known, old) in session.calls.iter_mut().flat_map(|call| &mut call.arguments) {
                if *old != slot.value {
                    continue;
                }
                if canonical(*known) == canonical(argument) {
                    old.clone_from(value);
                } else if is_host && canonical(*known) == TARGET && *old != Value::Null {
                    old.clone_from(host.as_ref().unwrap_or(value));
                }
            }
        }
    }
}

impl Slot {
    /// The plainest value for this location. It is never None, which is an anomaly.
    pub(super) fn plain(&self, session: &Session) -> Option<Value> {
        match self.location {
            SlotLocation::Cookie | SlotLocation::SessionCookie | SlotLocation::Services => Some(Value::empty_dict()),
            SlotLocation::Answer(..) => Some(PLAIN_ANSWER.into()),
            SlotLocation::Argument(argument) => plain(argument).filter(|plain| {
                // A value that the platform learns later cannot have been another value before.
                self.value != Value::Null
                    || passed(session, argument).all(|value| value == plain || *value == Value::Null)
            }),
        }
    }

    /// Whether the value is the plainest.
    pub(super) fn is_plain(&self) -> bool {
        match self.location {
            SlotLocation::Cookie | SlotLocation::SessionCookie | SlotLocation::Services => self.value.is_empty_dict(),
            SlotLocation::Answer(..) => self.value.as_str() == Some(PLAIN_ANSWER),
            SlotLocation::Argument(argument) => plain(argument).as_ref() == Some(&self.value),
        }
    }

    /// Whether None is valid at this location in all calls.
    pub(super) const fn may_be_none(&self) -> bool {
        match self.location {
            SlotLocation::Argument(argument) => matches!(
                argument.kind(),
                ArgumentKind::Hostname
                    | ArgumentKind::Domain
                    | ArgumentKind::UserName
                    | ArgumentKind::Password
                    | ArgumentKind::Groups
            ),
            _ => false,
        }
    }

    /// Whether `text` is valid at this location.
    pub(super) fn may_be_text(&self, text: &str) -> bool {
        match self.location {
            SlotLocation::Argument(argument) => match argument.kind() {
                ArgumentKind::Hostname | ArgumentKind::Host => is_hostname(text),
                ArgumentKind::ConnectionName | ArgumentKind::Groups => may_be_chosen(text),
                ArgumentKind::Asset => text.is_empty() || may_be_chosen(text),
                ArgumentKind::Domain
                | ArgumentKind::UserName
                | ArgumentKind::TargetUser
                | ArgumentKind::Password
                | ArgumentKind::KeyValuePairs => true,
                ArgumentKind::Cookie
                | ArgumentKind::SessionId
                | ArgumentKind::Protocol
                | ArgumentKind::Ip
                | ArgumentKind::TargetIp
                | ArgumentKind::Port => false,
            },
            SlotLocation::Cookie | SlotLocation::SessionCookie | SlotLocation::Services | SlotLocation::Answer(..) => {
                true
            }
        }
    }
}

/// A plain value for `argument`. Secrets stay long enough that the oracles recognise them.
pub(in crate::generate) fn plain(argument: Argument) -> Option<Value> {
    Some(match argument {
        Argument::Cookie | Argument::SessionCookie => return None,
        Argument::SessionId => "s-1".into(),
        Argument::Protocol => "ssh".into(),
        Argument::ConnectionName => "connection".into(),
        Argument::ClientIp => "10.0.0.2".into(),
        Argument::ClientPort => 50000.into(),
        Argument::ClientHostname => "client.example.com".into(),
        Argument::KeyValuePairs => Value::empty_dict(),
        Argument::GatewayUser | Argument::GatewayUsername => "alice".into(),
        Argument::TargetUsername | Argument::ServerUsername => "alice".into(),
        Argument::GatewayDomain | Argument::TargetDomain | Argument::ServerDomain => "example.com".into(),
        Argument::GatewayPassword => "Tr0ub4dor-Qz7-alice".into(),
        Argument::GatewayGroups => Value::List(vec!["admins".into()]),
        Argument::TargetHost | Argument::TargetServer | Argument::ServerIp => "10.0.0.1".into(),
        Argument::ServerHostname | Argument::Asset => "srv1.example.com".into(),
        Argument::TargetPort | Argument::ServerPort => 22.into(),
    })
}
