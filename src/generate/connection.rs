//! One user's connection: what is the same in every call of a session. Worked out once, cloned into the calls.
//!
//! Values hang together as in life: the target is told by its old and its new name, gateway and server user are often
//! the same, hosts lie in domains, groups name domains.

use crate::{
    case::Value,
    contract::Argument,
    generate::{
        choices::Choices,
        cookies::key_value_pairs,
        hosts::{self, TYPED_DOMAINS},
        text::{ASSETS, CONNECTIONS, GROUPS, USERS, chosen, joined, secret, typed},
    },
};

/// What is not yet known when an AA plugin is asked who the user is \[A\].
pub(super) const UNKNOWN_AT_FIRST: &[Argument] = &[
    Argument::GatewayUser,
    Argument::GatewayDomain,
    Argument::TargetUsername,
    Argument::ServerUsername,
    Argument::ServerDomain,
];
const UNKNOWN_GATEWAY: Set = set(&[Argument::GatewayUser, Argument::GatewayDomain]);
const UNKNOWN_TARGET: Set = set(&[Argument::TargetUsername, Argument::ServerUsername, Argument::ServerDomain]);

/// Arguments, a bit for each.
type Set = u32;

const fn set(arguments: &[Argument]) -> Set {
    let (mut bits, mut index) = (0, 0);
    while index < arguments.len() {
        bits |= 1 << arguments[index] as u32;
        index += 1;
    }
    bits
}

/// How much of a connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// All of it.
    All,
    /// What an AA plugin gets in `authenticate`.
    AtFirst,
    /// What an AA plugin gets in `authorize`.
    Later,
}

/// What is passed in the calls of one session.
pub(super) struct Connection {
    values: [Value; Argument::ALL.len()],
    /// What is None in `authenticate`.
    unknown_at_first: Set,
    /// What still is in `authorize`; never more than at first.
    unknown_later: Set,
}

impl Connection {
    /// A connection of one of `protocols`, with the values of those arguments that one of the hooks gets.
    pub(super) fn new(choices: &mut Choices<'_, '_>, protocols: &[&'static str], wanted: Wanted<'_>) -> Self {
        let mut connection =
            Self { values: [const { Value::Null }; Argument::ALL.len()], unknown_at_first: 0, unknown_later: 0 };
        let (typed_domain, dns_domain) = hosts::domain(choices);
        let protocol = *choices.pick(protocols);
        connection.put(Argument::SessionId, hosts::session_id(choices, protocol));
        connection.put(Argument::Protocol, protocol.to_owned());
        connection.client(choices, dns_domain, wanted);
        let user = connection.gateway(choices, typed_domain, wanted);
        connection.target(choices, typed_domain, dns_domain, user.as_deref());
        if wanted.aa {
            connection.aa(choices);
        }
        if wanted.aa || wanted.asset {
            connection.put(Argument::ConnectionName, chosen(choices, CONNECTIONS));
        }
        if wanted.asset {
            let asset = match choices.mood.strays && choices.chance(60) {
                true => String::new(),
                false => chosen(choices, ASSETS),
            };
            connection.put(Argument::Asset, asset);
        }
        connection
    }

    fn client(&mut self, choices: &mut Choices<'_, '_>, dns_domain: &str, wanted: Wanted<'_>) {
        self.put(Argument::ClientIp, hosts::address(choices));
        if !choices.is_none() {
            self.put(Argument::ClientHostname, hosts::hostname(choices, dns_domain));
        }
        if wanted.aa {
            self.put(Argument::ClientPort, i64::from(hosts::client_port(choices)));
        }
    }

    /// Who the user is to the gateway; nothing where the gateway did not ask.
    fn gateway(&mut self, choices: &mut Choices<'_, '_>, typed_domain: &str, wanted: Wanted<'_>) -> Option<String> {
        if choices.is_none() {
            // Then it has no password either; proxies tell that in two ways.
            if choices.chance(64) {
                self.put(Argument::GatewayPassword, String::new());
            }
            return None;
        }
        // Whom an AA plugin does not know it turns away, and nothing behind that is ever reached.
        let user = match wanted.users {
            [_, ..] if choices.byte() < 128 => choices.pick(wanted.users).0.to_owned(),
            _ => typed(choices, USERS),
        };
        self.put(Argument::GatewayUser, user.clone());
        self.put(Argument::GatewayUsername, user.clone());
        if !choices.is_none() {
            let domain = domain(choices, typed_domain);
            self.put(Argument::GatewayDomain, domain);
        }
        if wanted.store && !choices.is_none() {
            let empty = choices.is_odd() && choices.chance(100);
            self.put(Argument::GatewayPassword, if empty { String::new() } else { secret(choices) });
        }
        if !choices.is_none() {
            let groups = groups(choices, typed_domain);
            self.put(Argument::GatewayGroups, groups);
        }
        Some(user)
    }

    /// The target, by its old and its new names.
    fn target(&mut self, choices: &mut Choices<'_, '_>, typed_domain: &str, dns_domain: &str, gateway: Option<&str>) {
        let user = match gateway {
            Some(same) if choices.byte() >= 128 => same.to_owned(),
            _ => typed(choices, USERS),
        };
        self.put_both(Argument::TargetUsername, Argument::ServerUsername, user.into());

        let address = hosts::address(choices);
        let hostname = if choices.is_none() { None } else { Some(hosts::hostname(choices, dns_domain)) };
        // Users ask for a host by name or by address.
        let asked = match &hostname {
            Some(name) if choices.byte() < 150 => name,
            _ => &address,
        };
        self.put_both(Argument::TargetHost, Argument::TargetServer, asked.as_str().into());
        self.put(Argument::ServerIp, address);
        if let Some(name) = hostname {
            self.put(Argument::ServerHostname, name);
        }

        if !choices.is_none() {
            let domain = domain(choices, typed_domain);
            self.put_both(Argument::TargetDomain, Argument::ServerDomain, domain.into());
        }
        let port = i64::from(hosts::server_port(choices));
        self.put_both(Argument::TargetPort, Argument::ServerPort, port.into());
    }

    /// What only AA plugins get, and what they do not know yet.
    fn aa(&mut self, choices: &mut Choices<'_, '_>) {
        if choices.is_none() {
            self.unknown_at_first |= UNKNOWN_GATEWAY;
            self.unknown_later |= if choices.chance(64) { UNKNOWN_GATEWAY } else { 0 };
        }
        if choices.is_none() {
            self.unknown_at_first |= UNKNOWN_TARGET;
            self.unknown_later |= if choices.chance(64) { UNKNOWN_TARGET } else { 0 };
        }
        let nobody = self.unknown_at_first & UNKNOWN_GATEWAY != 0 || self.value(Argument::GatewayUser) == &Value::Null;
        let username = if nobody && choices.byte() < 190 { Some(typed(choices, USERS)) } else { None };
        let pairs = key_value_pairs(choices, username.as_deref());
        self.put(Argument::KeyValuePairs, pairs);
    }

    fn put(&mut self, argument: Argument, value: impl Into<Value>) {
        self.values[argument as usize] = value.into();
    }

    fn put_both(&mut self, old: Argument, new: Argument, value: Value) {
        self.values[old as usize] = value.clone();
        self.values[new as usize] = value;
    }

    fn value(&self, argument: Argument) -> &Value {
        &self.values[argument as usize]
    }

    /// Who connects, as far as the gateway or the client says.
    pub(super) fn user(&self) -> Option<&str> {
        let typed = || self.value(Argument::KeyValuePairs).get("username")?.as_str();
        self.value(Argument::GatewayUser).as_str().or_else(typed)
    }

    /// The values of `arguments`, as far as they are told.
    pub(super) fn arguments(&self, arguments: &[Argument], told: Told) -> Vec<(Argument, Value)> {
        let unknown = match told {
            Told::All => 0,
            Told::AtFirst => self.unknown_at_first,
            Told::Later => self.unknown_later,
        };
        let mut passed = Vec::with_capacity(arguments.len());
        for &argument in arguments {
            let value =
                if unknown >> argument as u32 & 1 == 1 { Value::Null } else { self.values[argument as usize].clone() };
            passed.push((argument, value));
        }
        passed
    }
}

/// Which plugins the connection's values are for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'d> {
    /// An AA plugin takes part.
    pub(super) aa: bool,
    /// Users that the AA plugin knows, with what they answer.
    pub(super) users: &'d [(&'static str, String)],
    /// A credential store takes part.
    pub(super) store: bool,
    /// It has a hook for remote applications.
    pub(super) asset: bool,
}

/// A domain that a user typed: mostly that of the connection.
pub(super) fn domain(choices: &mut Choices<'_, '_>, typed_domain: &str) -> String {
    if choices.is_odd() { typed(choices, TYPED_DOMAINS) } else { typed_domain.to_owned() }
}

/// The groups of a user: some of them name the domain.
pub(super) fn groups(choices: &mut Choices<'_, '_>, typed_domain: &str) -> Value {
    let count = match choices.byte() {
        0..120 => 1,
        120..190 => 2,
        190..230 => 3,
        230..245 if choices.mood.strays => 0,
        230.. => 5,
    };
    let mut groups = Vec::with_capacity(count);
    for _ in 0..count {
        groups.push(Value::Str(match choices.byte() {
            0..200 => chosen(choices, GROUPS),
            200..230 => joined(&[typed_domain, "\\", choices.text(GROUPS)]),
            230.. => joined(&[choices.text(GROUPS), "@", typed_domain]),
        }));
    }
    Value::List(groups)
}
