//! The values of a session, each once however many calls tell it: what is simplified, and where it must change together.

use crate::{
    case::{Session, Value},
    contract::{Argument, ArgumentKind},
    generate::{hosts::is_hostname, text::may_be_chosen},
};

const PLAIN_ANSWER: &str = "4nsw3r-Qz7-alice";

/// A value of a session.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The plugin's first cookie.
    Cookie,
    /// The first session cookie.
    SessionCookie,
    /// What the platform's services hold.
    Services,
    /// In all calls that have this value as this argument, or as one that means the same.
    Argument(Argument),
    /// The answer of that number in the call of that number.
    Answer(usize, usize),
}

/// The argument of which `argument` is another name.
const fn meaning(argument: Argument) -> Argument {
    match argument {
        Argument::TargetUsername => Argument::ServerUsername,
        Argument::TargetDomain => Argument::ServerDomain,
        Argument::TargetPort => Argument::ServerPort,
        Argument::TargetHost => Argument::TargetServer,
        Argument::GatewayUser => Argument::GatewayUsername,
        same => same,
    }
}

/// All values of `session`.
pub(super) fn slots(session: &Session) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    for (argument, value) in session.calls.iter().flat_map(|call| &call.arguments) {
        let meaning = meaning(*argument);
        // A target that is told by its name or address changes with that.
        let is_told_elsewhere = meaning == Argument::TargetServer
            && passed(session, Argument::ServerIp).chain(passed(session, Argument::ServerHostname)).any(|v| v == value);
        let place = Place::Argument(meaning);
        if !is_told_elsewhere && !slots.iter().any(|slot| slot.place == place && slot.value == *value) {
            slots.push(Slot { place, value: value.clone() });
        }
    }
    for (call_index, call) in session.calls.iter().enumerate() {
        for (index, answer) in call.answers.iter().enumerate() {
            slots.push(Slot { place: Place::Answer(call_index, index), value: answer.as_str().into() });
        }
    }
    slots.push(Slot { place: Place::SessionCookie, value: session.session_cookie.clone() });
    slots.push(Slot { place: Place::Cookie, value: session.cookie.clone() });
    slots.push(Slot { place: Place::Services, value: session.services.clone() });
    slots
}

/// The values that are passed as `argument` or by another name of it.
fn passed(session: &Session, argument: Argument) -> impl Iterator<Item = &Value> {
    let calls = session.calls.iter();
    calls.flat_map(|call| &call.arguments).filter(move |(known, _)| meaning(*known) == argument).map(|(_, value)| value)
}

/// Puts `value` where `slot` stands.
pub(super) fn replace(session: &mut Session, slot: &Slot, value: &Value) {
    match slot.place {
        Place::Cookie => session.cookie = value.clone(),
        Place::SessionCookie => session.session_cookie = value.clone(),
        Place::Services => session.services = value.clone(),
        Place::Answer(call, index) => {
            let answer = session.calls.get_mut(call).and_then(|call| call.answers.get_mut(index));
            if let (Some(answer), Some(text)) = (answer, value.as_str()) {
                text.clone_into(answer);
            }
        }
        Place::Argument(argument) => {
            let is_host = matches!(argument, Argument::ServerIp | Argument::ServerHostname);
            // A target whose name is gone is told by its address.
            let host = match value {
                Value::Null => passed(session, Argument::ServerIp).next().cloned().or(plain(Argument::ServerIp)),
                known => Some(known.clone()),
            };
            for (known, old) in session.calls.iter_mut().flat_map(|call| &mut call.arguments) {
                if *old != slot.value {
                    continue;
                }
                if meaning(*known) == argument {
                    old.clone_from(value);
                } else if is_host && meaning(*known) == Argument::TargetServer && *old != Value::Null {
                    old.clone_from(host.as_ref().unwrap_or(value));
                }
            }
        }
    }
}

impl Slot {
    /// The plainest value that may stand here. None is never plain: it is the odd case of what may be None.
    pub(super) fn plain(&self, session: &Session) -> Option<Value> {
        match self.place {
            Place::Cookie | Place::SessionCookie | Place::Services => Some(Value::empty_dict()),
            Place::Answer(..) => Some(PLAIN_ANSWER.into()),
            Place::Argument(argument) => plain(argument).filter(|plain| {
                // A value that is known later cannot have been another one before.
                self.value != Value::Null
                    || passed(session, argument).all(|value| value == plain || *value == Value::Null)
            }),
        }
    }

    /// Whether the value is the plainest.
    pub(super) fn is_plain(&self) -> bool {
        match self.place {
            Place::Cookie | Place::SessionCookie | Place::Services => self.value.is_empty_dict(),
            Place::Answer(..) => self.value.as_str() == Some(PLAIN_ANSWER),
            Place::Argument(argument) => plain(argument).as_ref() == Some(&self.value),
        }
    }

    /// Whether None may stand here wherever the value does.
    pub(super) const fn may_be_none(&self) -> bool {
        match self.place {
            Place::Argument(argument) => matches!(
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

    /// Whether `text` may stand here.
    pub(super) fn may_be_text(&self, text: &str) -> bool {
        match self.place {
            Place::Argument(argument) => match argument.kind() {
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
            Place::Cookie | Place::SessionCookie | Place::Services | Place::Answer(..) => true,
        }
    }
}

/// A plain value for `argument`. Secrets stay long enough to be known again.
fn plain(argument: Argument) -> Option<Value> {
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
