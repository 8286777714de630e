//! Changes an argument: to a new value, a changed value, a value from elsewhere in the session, or None.

use super::{
    mutator::{Change, MutationKind, UNSEEN},
    session_values::{self, SeenValue, ValuePath, ValueRoot, assign, value_of},
    text,
    value::{self, Parts},
};
use crate::{
    case::{Session, Value},
    contract::{Argument, ArgumentKind, Hook},
    generate::{
        connection, cookies, hosts,
        paths::canonical,
        text::{ASSETS, CONNECTIONS, USERS, chosen, secret, typed},
    },
};

/// Arguments that the platform learns together: those of the gateway, and those of the target.
const LEARNED_TOGETHER: [&[Argument]; 2] = [
    &[Argument::GatewayUser, Argument::GatewayDomain],
    &[Argument::TargetUsername, Argument::ServerUsername, Argument::ServerDomain],
];

impl<'d> Change<'d, '_, '_> {
    /// Changes one of the arguments that `session` passes.
    pub(super) fn argument(&mut self, session: &mut Session) -> Option<MutationKind> {
        let argument = self.any_argument(session)?;
        let now = value_of(session, argument)?.clone();
        let is_text = matches!(
            argument.kind(),
            ArgumentKind::UserName
                | ArgumentKind::TargetUser
                | ArgumentKind::Domain
                | ArgumentKind::Password
                | ArgumentKind::ConnectionName
                | ArgumentKind::Asset
                | ArgumentKind::SessionId
        );
        let (kind, new) = match self.source.byte() {
            0..40 => (MutationKind::Fresh, self.fresh(argument)),
            40..56 => (MutationKind::Nobody, Value::Null),
            56..84 => (MutationKind::Equal, self.other_argument(session, argument)?),
            84..106 => (MutationKind::Moved, self.moved(session)?),
            106..116 if self.mutator.domain.has(Hook::Authenticate) => return self.unknown(session),
            _ => match (argument.kind(), now) {
                (_, Value::Str(now)) if is_text => {
                    (MutationKind::Changed, Value::Str(text::changed(&now, self.source, self.mutator.dictionary)))
                }
                (ArgumentKind::Port, Value::Int(port)) => {
                    (MutationKind::Changed, Value::Int(text::number(port, self.source, self.mutator.dictionary)))
                }
                (ArgumentKind::Groups | ArgumentKind::KeyValuePairs, mut now @ (Value::List(_) | Value::Dict(_))) => {
                    if argument.kind() == ArgumentKind::KeyValuePairs && self.source.byte() < 70 {
                        self.pair(&mut now);
                    } else if argument.kind() == ArgumentKind::Groups && self.source.byte() < 40 {
                        now = self.fresh(argument);
                    } else {
                        value::change(
                            &mut now,
                            Parts::Texts,
                            self.source,
                            self.mutator.dictionary,
                            cookies::DEPTH_LIMIT,
                        );
                    }
                    (MutationKind::Changed, now)
                }
                (_, Value::Null) => (MutationKind::Fresh, self.fresh(argument)),
                // An address or a host name: a token of the plugin, or a new one.
                _ => {
                    let word = text::token(self.source, self.mutator.dictionary).into_owned();
                    match session_values::fitting(self.mutator.domain, argument, &Value::Str(word)) {
                        Some(word) if self.source.byte() < 200 => (MutationKind::Changed, word),
                        _ => (MutationKind::Fresh, self.fresh(argument)),
                    }
                }
            },
        };
        assign(session, self.mutator.domain, argument, &new).then_some(kind)
    }

    /// An argument that the session passes; rarely one that no hook takes, or that plugins do not look at.
    pub(super) fn any_argument(&mut self, session: &Session) -> Option<Argument> {
        let domain = self.mutator.domain;
        let taken = || {
            session.calls.iter().flat_map(|call| {
                let arguments = call.arguments.iter().map(|(argument, _)| *argument);
                arguments.filter(|argument| domain.takes(call.hook, *argument))
            })
        };
        let (taken_count, all) = (taken().count(), session.calls.iter().map(|call| call.arguments.len()).sum());
        let prefers = taken_count > 0 && taken_count < all && self.source.byte() >= UNSEEN;
        for _ in 0..8 {
            let argument = if prefers {
                taken().nth(self.source.below(taken_count))?
            } else {
                let call = session.calls.get(self.source.below(session.calls.len()))?;
                if call.arguments.is_empty() {
                    continue;
                }
                call.arguments[self.source.below(call.arguments.len())].0
            };
            let is_wanted = match argument.kind() {
                ArgumentKind::Cookie => false,
                ArgumentKind::SessionId => self.source.byte() < 16,
                ArgumentKind::Protocol => self.source.byte() < 96,
                _ => true,
            };
            if is_wanted {
                return Some(argument);
            }
        }
        None
    }

    /// A new value for `argument`, independent of the session.
    pub(super) fn fresh(&mut self, argument: Argument) -> Value {
        let source = &mut *self.source;
        let (typed_domain, dns_domain) = hosts::domain(source);
        let protocols = source.domain.plugin_type.protocols();
        let address = |text: String| Value::Str(text);
        match argument.kind() {
            ArgumentKind::Cookie => Value::empty_dict(),
            ArgumentKind::SessionId => {
                let protocol = protocols.first().copied().unwrap_or_default();
                Value::Str(hosts::session_id(source, protocol))
            }
            ArgumentKind::Protocol => protocols.get(source.below(protocols.len())).copied().unwrap_or_default().into(),
            ArgumentKind::Ip | ArgumentKind::TargetIp => address(hosts::address(source)),
            ArgumentKind::Host if source.byte() < 100 => address(hosts::address(source)),
            ArgumentKind::Hostname | ArgumentKind::Host => Value::Str(hosts::hostname(source, dns_domain)),
            ArgumentKind::Domain => Value::Str(connection::domain(source, typed_domain)),
            ArgumentKind::UserName | ArgumentKind::TargetUser => Value::Str(typed(source, USERS)),
            ArgumentKind::Password if source.byte() < 40 => "".into(),
            ArgumentKind::Password => Value::Str(secret(source)),
            ArgumentKind::Groups => connection::groups(source, typed_domain),
            ArgumentKind::Port if argument == Argument::ClientPort => Value::Int(hosts::client_port(source).into()),
            ArgumentKind::Port => Value::Int(hosts::server_port(source).into()),
            ArgumentKind::KeyValuePairs => {
                let username = (source.byte() < 100).then(|| typed(source, USERS));
                cookies::key_value_pairs(source, username.as_deref())
            }
            ArgumentKind::ConnectionName => Value::Str(chosen(source, CONNECTIONS)),
            ArgumentKind::Asset => Value::Str(chosen(source, ASSETS)),
        }
    }

    /// The value of another argument of the session.
    fn other_argument(&mut self, session: &Session, argument: Argument) -> Option<Value> {
        let other = self.any_argument(session)?;
        let value = value_of(session, other)?;
        (canonical(other) != canonical(argument)).then(|| value.clone())
    }

    /// A value from anywhere in the session, or a key of one of its dicts.
    pub(super) fn moved(&mut self, session: &Session) -> Option<Value> {
        let values = session_values::values(session);
        let (_, seen) = values.get(self.source.below(values.len()))?;
        match seen {
            SeenValue::Text(text) => Some(Value::text(*text)),
            SeenValue::Value(Value::Dict(entries)) if !entries.is_empty() => {
                Some(Value::text(entries[self.source.below(entries.len())].0.as_str()))
            }
            SeenValue::Value(value) => Some((*value).clone()),
        }
    }

    /// Adds a pair that a plugin may look up to `key_value_pairs`.
    fn pair(&mut self, pairs: &mut Value) {
        let dictionary = self.mutator.dictionary;
        let asked = if self.source.byte() < 128 { dictionary.question(self.source) } else { None };
        let key = match asked.or_else(|| dictionary.key(self.source)) {
            Some(key) => key.to_owned(),
            None => cookies::key(self.source),
        };
        let answer = match self.source.byte() {
            0..150 => text::token(self.source, dictionary).into_owned(),
            _ => cookies::answer(self.source),
        };
        pairs.set(&key, answer.into());
    }

    /// Lets the platform learn the gateway's user or the target only in `authorize`, or already in `authenticate`.
    fn unknown(&mut self, session: &mut Session) -> Option<MutationKind> {
        let group = *self.source.pick(&LEARNED_TOGETHER);
        let authenticate = session.calls.iter().position(|call| call.hook == Hook::Authenticate)?;
        let is_known = group
            .iter()
            .any(|argument| session.calls[authenticate].argument(*argument).is_some_and(|value| *value != Value::Null));
        let mut is_changed = false;
        for argument in group {
            let value = if is_known { Value::Null } else { value_of(session, *argument)?.clone() };
            let place = session.calls[authenticate].arguments.iter_mut().find(|(known, _)| known == argument);
            if let Some((_, place)) = place
                && *place != value
            {
                *place = value;
                is_changed = true;
            }
        }
        if is_changed && is_known && self.source.byte() < 128 {
            // Then the client may pass the user's name itself.
            let pairs = ValuePath::of(ValueRoot::Argument(Argument::KeyValuePairs));
            let user = typed(self.source, USERS);
            session_values::change(session, self.mutator.domain, &pairs, |pairs| {
                pairs.set("username", user.into());
                true
            });
        }
        is_changed.then_some(MutationKind::Unknown)
    }
}
