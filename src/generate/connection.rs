//! One user's connection: the values that are the same in every call of a session. They are made once and cloned into
//! the calls.
//!
//! Values belong together as in production: the target is passed by its old and its new names, gateway and server user
//! are often the same, hosts belong to domains, groups name domains.

use crate::{
    case::Value,
    contract::Argument,
    generate::{
        cookies::key_value_pairs,
        hosts::{self, TYPED_DOMAINS},
        source::DomainSource,
        text::{ASSETS, CONNECTIONS, GROUPS, USERS, chosen, joined, secret, typed},
    },
};

/// Arguments that the platform may not know yet when it calls `authenticate` \[A\].
pub(super) const UNKNOWN_AT_FIRST: &[Argument] = &[
    Argument::GatewayUser,
    Argument::GatewayDomain,
    Argument::TargetUsername,
    Argument::ServerUsername,
    Argument::ServerDomain,
];
const UNKNOWN_GATEWAY: ArgumentSet = set(&[Argument::GatewayUser, Argument::GatewayDomain]);
const UNKNOWN_TARGET: ArgumentSet = set(&[Argument::TargetUsername, Argument::ServerUsername, Argument::ServerDomain]);

/// Arguments, a bit for each.
type ArgumentSet = u32;

const fn set(arguments: &[Argument]) -> ArgumentSet {
    let (mut bits, mut index) = (0, 0);
    while index < arguments.len() {
        bits |= 1 << arguments[index] as u32;
        index += 1;
    }
    bits
}

/// How much of a connection the platform knows when it makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KnownValues {
    /// All of it.
    All,
    /// What an AA plugin gets in `authenticate`.
    InAuthenticate,
    /// What an AA plugin gets in `authorize`.
    InAuthorize,
}

/// The values that the calls of one session pass.
pub(super) struct Connection {
    values: [Value; Argument::ALL.len()],
    /// The arguments that are None in `authenticate`.
    unknown_at_first: ArgumentSet,
    /// Those that still are None in `authorize`; never more than in `authenticate`.
    unknown_later: ArgumentSet,
}

impl Connection {
    /// A connection of one of `protocols`, with values for the arguments that `wanted` asks for.
    pub(super) fn new(source: &mut DomainSource<'_, '_>, protocols: &[&'static str], wanted: WantedValues<'_>) -> Self {
        let mut connection =
            Self { values: [const { Value::Null }; Argument::ALL.len()], unknown_at_first: 0, unknown_later: 0 };
        let (typed_domain, dns_domain) = hosts::domain(source);
        let protocol = *source.pick(protocols);
        connection.put(Argument::SessionId, hosts::session_id(source, protocol));
        connection.put(Argument::Protocol, protocol.to_owned());
        connection.client(source, dns_domain, wanted);
        let user = connection.gateway(source, typed_domain, wanted);
        connection.target(source, typed_domain, dns_domain, user.as_deref());
        if wanted.aa {
            connection.aa(source);
        }
        if wanted.aa || wanted.asset {
            connection.put(Argument::ConnectionName, chosen(source, CONNECTIONS));
        }
        if wanted.asset {
            let asset = match source.may_deviate() && source.chance(60) {
                true => String::new(),
                false => chosen(source, ASSETS),
            };
            connection.put(Argument::Asset, asset);
        }
        connection
    }

    fn client(&mut self, source: &mut DomainSource<'_, '_>, dns_domain: &str, wanted: WantedValues<'_>) {
        self.put(Argument::ClientIp, hosts::address(source));
        if !source.is_absent() {
            self.put(Argument::ClientHostname, hosts::hostname(source, dns_domain));
        }
        if wanted.aa {
            self.put(Argument::ClientPort, i64::from(hosts::client_port(source)));
        }
    }

    /// Sets the user on the gateway, and returns the name; `None` if the gateway did not ask.
    fn gateway(
        &mut self,
        source: &mut DomainSource<'_, '_>,
        typed_domain: &str,
        wanted: WantedValues<'_>,
    ) -> Option<String> {
        if source.is_absent() {
            // Then there is no password either; proxies pass None or an empty text for it.
            if source.chance(64) {
                self.put(Argument::GatewayPassword, String::new());
            }
            return None;
        }
        // An AA plugin turns unknown users away, so that the code behind its first check never runs.
        let user = match wanted.users {
            [_, ..] if source.byte() < 128 => source.pick(wanted.users).0.to_owned(),
            _ => typed(source, USERS),
        };
        self.put(Argument::GatewayUser, user.clone());
        self.put(Argument::GatewayUsername, user.clone());
        if !source.is_absent() {
            let domain = domain(source, typed_domain);
            self.put(Argument::GatewayDomain, domain);
        }
        if wanted.store && !source.is_absent() {
            let empty = source.is_unusual() && source.chance(100);
            self.put(Argument::GatewayPassword, if empty { String::new() } else { secret(source) });
        }
        if !source.is_absent() {
            let groups = groups(source, typed_domain);
            self.put(Argument::GatewayGroups, groups);
        }
        Some(user)
    }

    /// Sets the target, by its old and its new names.
    fn target(
        &mut self,
        source: &mut DomainSource<'_, '_>,
        typed_domain: &str,
        dns_domain: &str,
        gateway: Option<&str>,
    ) {
        let user = match gateway {
            Some(same) if source.byte() >= 128 => same.to_owned(),
            _ => typed(source, USERS),
        };
        self.put_both(Argument::TargetUsername, Argument::ServerUsername, user.into());

        let address = hosts::address(source);
        let hostname = if source.is_absent() { None } else { Some(hosts::hostname(source, dns_domain)) };
        // Users name the host that they want by its name or by its address.
        let asked = match &hostname {
            Some(name) if source.byte() < 150 => name,
            _ => &address,
        };
        self.put_both(Argument::TargetHost, Argument::TargetServer, asked.as_str().into());
        self.put(Argument::ServerIp, address);
        if let Some(name) = hostname {
            self.put(Argument::ServerHostname, name);
        }

        if !source.is_absent() {
            let domain = domain(source, typed_domain);
            self.put_both(Argument::TargetDomain, Argument::ServerDomain, domain.into());
        }
        let port = i64::from(hosts::server_port(source));
        self.put_both(Argument::TargetPort, Argument::ServerPort, port.into());
    }

    /// Sets what only AA plugins get, and which arguments the platform does not know yet.
    fn aa(&mut self, source: &mut DomainSource<'_, '_>) {
        if source.is_absent() {
            self.unknown_at_first |= UNKNOWN_GATEWAY;
            self.unknown_later |= if source.chance(64) { UNKNOWN_GATEWAY } else { 0 };
        }
        if source.is_absent() {
            self.unknown_at_first |= UNKNOWN_TARGET;
            self.unknown_later |= if source.chance(64) { UNKNOWN_TARGET } else { 0 };
        }
        let nobody = self.unknown_at_first & UNKNOWN_GATEWAY != 0 || self.value(Argument::GatewayUser) == &Value::Null;
        let username = if nobody && source.byte() < 190 { Some(typed(source, USERS)) } else { None };
        let pairs = key_value_pairs(source, username.as_deref());
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

    /// The user's name, as the gateway or the client passes it.
    pub(super) fn user(&self) -> Option<&str> {
        let typed = || self.value(Argument::KeyValuePairs).get("username")?.as_str();
        self.value(Argument::GatewayUser).as_str().or_else(typed)
    }

    /// The values of `arguments`, None for those that the platform does not know yet.
    pub(super) fn arguments(&self, arguments: &[Argument], known: KnownValues) -> Vec<(Argument, Value)> {
        let unknown = match known {
            KnownValues::All => 0,
            KnownValues::InAuthenticate => self.unknown_at_first,
            KnownValues::InAuthorize => self.unknown_later,
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
pub(super) struct WantedValues<'d> {
    /// An AA plugin takes part.
    pub(super) aa: bool,
    /// Users that the AA plugin knows, with their answers.
    pub(super) users: &'d [(&'static str, String)],
    /// A credential store takes part.
    pub(super) store: bool,
    /// The credential store has a hook for remote applications.
    pub(super) asset: bool,
}

/// A domain that a user typed: mostly the domain of the connection.
pub(super) fn domain(source: &mut DomainSource<'_, '_>, typed_domain: &str) -> String {
    if source.is_unusual() { typed(source, TYPED_DOMAINS) } else { typed_domain.to_owned() }
}

/// The groups of a user, some of which name the domain.
pub(super) fn groups(source: &mut DomainSource<'_, '_>, typed_domain: &str) -> Value {
    let count = match source.byte() {
        0..120 => 1,
        120..190 => 2,
        190..230 => 3,
        230..245 if source.may_deviate() => 0,
        230.. => 5,
    };
    let mut groups = Vec::with_capacity(count);
    for _ in 0..count {
        groups.push(Value::Str(match source.byte() {
            0..200 => chosen(source, GROUPS),
            200..230 => joined(&[typed_domain, "\\", source.text(GROUPS)]),
            230.. => joined(&[source.text(GROUPS), "@", typed_domain]),
        }));
    }
    Value::List(groups)
}
