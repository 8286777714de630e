//! Changes what the platform passes: a value made anew, changed, taken from elsewhere in the session, or left unknown.

use super::{
    Change, Kind, UNSEEN,
    place::{self, Root, Seen, tell, told},
    text,
    value::{self, Parts},
};
use crate::{
    case::{Session, Value},
    contract::{Argument, ArgumentKind as Argued, Hook},
    generate::{
        connection, cookies, hosts,
        text::{ASSETS, CONNECTIONS, USERS, chosen, secret, typed},
    },
};

/// What an AA plugin learns of the gateway, and of the target, all at once.
const LEARNED_TOGETHER: [&[Argument]; 2] = [
    &[Argument::GatewayUser, Argument::GatewayDomain],
    &[Argument::TargetUsername, Argument::ServerUsername, Argument::ServerDomain],
];

impl<'d> Change<'d, '_, '_> {
    /// Changes one of the arguments that `session` passes.
    pub(super) fn argument(&mut self, session: &mut Session) -> Option<Kind> {
        let argument = self.any_argument(session)?;
        let now = told(session, argument)?.clone();
        let is_text = matches!(
            argument.kind(),
            Argued::UserName
                | Argued::TargetUser
                | Argued::Domain
                | Argued::Password
                | Argued::ConnectionName
                | Argued::Asset
                | Argued::SessionId
        );
        let (kind, new) = match self.choices.byte() {
            0..40 => (Kind::Fresh, self.fresh(argument)),
            40..56 => (Kind::Nobody, Value::Null),
            56..84 => (Kind::Equal, self.other_argument(session, argument)?),
            84..106 => (Kind::Moved, self.moved(session)?),
            106..116 if self.mutator.domain.has(Hook::Authenticate) => return self.unknown(session),
            _ => match (argument.kind(), now) {
                (_, Value::Str(now)) if is_text => {
                    (Kind::Changed, Value::Str(text::changed(&now, self.choices, self.mutator.dictionary)))
                }
                (Argued::Port, Value::Int(port)) => {
                    (Kind::Changed, Value::Int(text::number(port, self.choices, self.mutator.dictionary)))
                }
                (Argued::Groups | Argued::KeyValuePairs, mut now @ (Value::List(_) | Value::Dict(_))) => {
                    if argument.kind() == Argued::KeyValuePairs && self.choices.byte() < 70 {
                        self.pair(&mut now);
                    } else if argument.kind() == Argued::Groups && self.choices.byte() < 40 {
                        now = self.fresh(argument);
                    } else {
                        value::change(
                            &mut now,
                            Parts::Texts,
                            self.choices,
                            self.mutator.dictionary,
                            cookies::DEPTH_LIMIT,
                        );
                    }
                    (Kind::Changed, now)
                }
                (_, Value::Null) => (Kind::Fresh, self.fresh(argument)),
                // An address or a host's name: one that the plugin knows, or one more.
                _ => {
                    let word = text::word(self.choices, self.mutator.dictionary).into_owned();
                    match place::fitting(self.mutator.domain, argument, &Value::Str(word)) {
                        Some(word) if self.choices.byte() < 200 => (Kind::Changed, word),
                        _ => (Kind::Fresh, self.fresh(argument)),
                    }
                }
            },
        };
        tell(session, self.mutator.domain, argument, &new).then_some(kind)
    }

    /// An argument that is passed; seldom one that no hook takes, or that plugins only carry along.
    pub(super) fn any_argument(&mut self, session: &Session) -> Option<Argument> {
        let domain = self.mutator.domain;
        let taken = || {
            session.calls.iter().flat_map(|call| {
                let arguments = call.arguments.iter().map(|(argument, _)| *argument);
                arguments.filter(|argument| domain.takes(call.hook, *argument))
            })
        };
        let (taken_count, all) = (taken().count(), session.calls.iter().map(|call| call.arguments.len()).sum());
        let prefers = taken_count > 0 && taken_count < all && self.choices.byte() >= UNSEEN;
        for _ in 0..8 {
            let argument = if prefers {
                taken().nth(self.choices.below(taken_count))?
            } else {
                let call = session.calls.get(self.choices.below(session.calls.len()))?;
                if call.arguments.is_empty() {
                    continue;
                }
                call.arguments[self.choices.below(call.arguments.len())].0
            };
            let is_wanted = match argument.kind() {
                Argued::Cookie => false,
                Argued::SessionId => self.choices.byte() < 16,
                Argued::Protocol => self.choices.byte() < 96,
                _ => true,
            };
            if is_wanted {
                return Some(argument);
            }
        }
        None
    }

    /// A value for `argument` that owes nothing to the session.
    pub(super) fn fresh(&mut self, argument: Argument) -> Value {
        let choices = &mut *self.choices;
        let (typed_domain, dns_domain) = hosts::domain(choices);
        let protocols = choices.domain.plugin_type.protocols();
        let address = |text: String| Value::Str(text);
        match argument.kind() {
            Argued::Cookie => Value::empty_dict(),
            Argued::SessionId => {
                let protocol = protocols.first().copied().unwrap_or_default();
                Value::Str(hosts::session_id(choices, protocol))
            }
            Argued::Protocol => protocols.get(choices.below(protocols.len())).copied().unwrap_or_default().into(),
            Argued::Ip | Argued::TargetIp => address(hosts::address(choices)),
            Argued::Host if choices.byte() < 100 => address(hosts::address(choices)),
            Argued::Hostname | Argued::Host => Value::Str(hosts::hostname(choices, dns_domain)),
            Argued::Domain => Value::Str(connection::domain(choices, typed_domain)),
            Argued::UserName | Argued::TargetUser => Value::Str(typed(choices, USERS)),
            Argued::Password if choices.byte() < 40 => "".into(),
            Argued::Password => Value::Str(secret(choices)),
            Argued::Groups => connection::groups(choices, typed_domain),
            Argued::Port if argument == Argument::ClientPort => Value::Int(hosts::client_port(choices).into()),
            Argued::Port => Value::Int(hosts::server_port(choices).into()),
            Argued::KeyValuePairs => {
                let username = (choices.byte() < 100).then(|| typed(choices, USERS));
                cookies::key_value_pairs(choices, username.as_deref())
            }
            Argued::ConnectionName => Value::Str(chosen(choices, CONNECTIONS)),
            Argued::Asset => Value::Str(chosen(choices, ASSETS)),
        }
    }

    /// What another argument of the session tells.
    fn other_argument(&mut self, session: &Session, argument: Argument) -> Option<Value> {
        let other = self.any_argument(session)?;
        let value = told(session, other)?;
        (place::meaning(other) != place::meaning(argument)).then(|| value.clone())
    }

    /// Text from anywhere in the session, keys of its dicts included.
    pub(super) fn moved(&mut self, session: &Session) -> Option<Value> {
        let values = place::values(session);
        let (_, seen) = values.get(self.choices.below(values.len()))?;
        match seen {
            Seen::Text(text) => Some(Value::text(*text)),
            Seen::Value(Value::Dict(entries)) if !entries.is_empty() => {
                Some(Value::text(entries[self.choices.below(entries.len())].0.as_str()))
            }
            Seen::Value(value) => Some((*value).clone()),
        }
    }

    /// Puts what a plugin may ask for into `key_value_pairs`.
    fn pair(&mut self, pairs: &mut Value) {
        let dictionary = self.mutator.dictionary;
        let asked = if self.choices.byte() < 128 { dictionary.question(self.choices) } else { None };
        let key = match asked.or_else(|| dictionary.key(self.choices)) {
            Some(key) => key.to_owned(),
            None => cookies::key(self.choices),
        };
        let answer = match self.choices.byte() {
            0..150 => text::word(self.choices, dictionary).into_owned(),
            _ => cookies::answer(self.choices),
        };
        pairs.set(&key, answer.into());
    }

    /// Lets an AA plugin learn of the gateway's user or the target only in `authorize`, or at once after all.
    fn unknown(&mut self, session: &mut Session) -> Option<Kind> {
        let group = *self.choices.pick(&LEARNED_TOGETHER);
        let authenticate = session.calls.iter().position(|call| call.hook == Hook::Authenticate)?;
        let is_known = group
            .iter()
            .any(|argument| session.calls[authenticate].argument(*argument).is_some_and(|value| *value != Value::Null));
        let mut is_changed = false;
        for argument in group {
            let value = if is_known { Value::Null } else { told(session, *argument)?.clone() };
            let place = session.calls[authenticate].arguments.iter_mut().find(|(known, _)| known == argument);
            if let Some((_, place)) = place
                && *place != value
            {
                *place = value;
                is_changed = true;
            }
        }
        if is_changed && is_known && self.choices.byte() < 128 {
            // Then a client may say who it is.
            let pairs = place::Place::of(Root::Argument(Argument::KeyValuePairs));
            let user = typed(self.choices, USERS);
            place::change(session, self.mutator.domain, &pairs, |pairs| {
                pairs.set("username", user.into());
                true
            });
        }
        is_changed.then_some(Kind::Unknown)
    }
}
