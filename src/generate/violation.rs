//! Says how a session violates the contract. It does not use the generator's code, since the tests check generators,
//! shrinker and mutators with it.
//!
//! A session may be shorter than one of the platform: a case contains only what its defect needs, so arguments, and
//! calls at its end, may be missing. The values and the order of calls must be possible on the platform.

use std::net::IpAddr;

use crate::{
    case::{Call, Session, Value, check_services},
    contract::{Argument, ArgumentKind, Hook, HookSpec},
    generate::{Domain, connection::UNKNOWN_AT_FIRST, hosts::is_hostname, text::may_be_chosen},
};

/// What in `session` the platform would never do with the plugin of `domain`; `None` if the session keeps the contract.
pub fn contract_violation(session: &Session, domain: &Domain) -> Option<String> {
    violation(session, domain, None).err()
}

/// The same for a session of two plugins: `tested` is the domain of the plugin under test, `other` that of the other
/// one.
pub fn contract_violation_of_two(session: &Session, tested: &Domain, other: &Domain) -> Option<String> {
    violation(session, tested, Some(other)).err()
}

/// Why the platform would never run `session` as it stands: it violates the contract, lacks an argument that a hook
/// takes, or begins with a cookie that the plugin never returned. `None` if the platform could run it. `other` is the
/// domain of a second plugin.
pub fn outside_contract(session: &Session, tested: &Domain, other: Option<&Domain>) -> Option<String> {
    if let Err(problem) = violation(session, tested, other) {
        return Some(problem);
    }
    for (place, call) in session.calls.iter().enumerate() {
        let domain = if call.other { other? } else { tested };
        let lacks = |argument: &&Argument| domain.takes(call.hook, **argument) && call.argument(**argument).is_none();
        let missing: Vec<String> =
            domain.arguments(call.hook).iter().filter(lacks).map(|argument| format!("`{argument}`")).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Some(format!("call {}, `{}`: the platform always passes {missing}", place + 1, call.hook));
        }
    }
    session.has_foreign_cookie().then(|| "the plugin never returned the `cookie` of the first call".to_owned())
}

/// Which arguments of `call` the platform would never pass so, and what it passes instead.
pub(crate) fn call_outside_contract(call: &Call, domain: &Domain) -> Option<String> {
    call_violation(call, domain).err()
}

fn violation(session: &Session, tested: &Domain, other: Option<&Domain>) -> Result<(), String> {
    for (name, cookie) in [("cookie", &session.cookie), ("session_cookie", &session.session_cookie)] {
        cookie.as_dict().ok_or_else(|| format!("`{name}` is no dict"))?;
        simple_data(cookie).map_err(|problem| format!("`{name}` contains {problem}"))?;
    }
    check_services(&session.services).map_err(|problem| format!("{}: {}", problem.place(), problem.problem))?;
    for (place, call) in session.calls.iter().enumerate() {
        let domain = if call.other { other } else { Some(tested) };
        let domain = domain.ok_or_else(|| format!("call {} goes to a second plugin", place + 1))?;
        call_violation(call, domain).map_err(|problem| format!("call {}, `{}`: {problem}", place + 1, call.hook))?;
    }
    order(&session.calls)?;
    for is_other in [false, true] {
        if let Some(domain) = if is_other { other } else { Some(tested) } {
            openings(&session.calls, is_other, |hook| domain.has(hook))?;
        }
    }
    relations(&session.calls)
}

/// Checks that JSON can carry `value`: all floats are finite, all ints fit 64 bits, no key occurs twice.
fn simple_data(value: &Value) -> Result<(), String> {
    match value {
        Value::BigInt(digits) => Err(format!("the int {digits}, which does not fit 64 bits")),
        Value::Float(number) if !number.is_finite() => Err(format!("the float {number}")),
        Value::List(items) => items.iter().try_for_each(simple_data),
        Value::Dict(entries) => entries.iter().enumerate().try_for_each(|(place, (key, value))| {
            if entries[..place].iter().any(|(known, _)| known == key) {
                return Err(format!("the key `{key}` twice"));
            }
            simple_data(value)
        }),
        _ => Ok(()),
    }
}

fn call_violation(call: &Call, domain: &Domain) -> Result<(), String> {
    if !domain.has(call.hook) {
        return Err("the plugin does not have it or the platform does not call it".into());
    }
    let spec = call.hook.spec(domain.plugin_type).ok_or("it is no hook of this type of plugin")?;
    if call.cut_off && call.hook == Hook::SessionEnded {
        return Err("it cannot be cut off".into());
    }
    if !call.answers.is_empty() && !matches!(call.hook, Hook::Authenticate | Hook::Authorize) {
        return Err("it asks no questions".into());
    }
    for (place, (argument, value)) in call.arguments.iter().enumerate() {
        if call.arguments[..place].iter().any(|(known, _)| known == argument) {
            return Err(format!("`{argument}` is passed twice"));
        }
        if matches!(argument, Argument::Cookie | Argument::SessionCookie)
            || !spec.arguments(domain.platform).any(|known| known == *argument)
        {
            return Err(format!("`{argument}` is not passed"));
        }
        if !may_be(value, *argument, spec, domain) {
            let shown = match argument.kind() {
                ArgumentKind::Password | ArgumentKind::KeyValuePairs => "this value".to_owned(),
                _ => value.to_string(),
            };
            return Err(format!("`{argument}` cannot be {shown}: the platform passes {}", passes(*argument, spec)));
        }
    }
    Ok(())
}

fn may_be(value: &Value, argument: Argument, spec: &HookSpec, domain: &Domain) -> bool {
    let text = value.as_str();
    let is_none = *value == Value::Null;
    let is_aa = matches!(spec.hook, Hook::Authenticate | Hook::Authorize);
    match argument.kind() {
        ArgumentKind::SessionId => text.is_some_and(|text| !text.is_empty()),
        ArgumentKind::Protocol => text.is_some_and(|text| domain.plugin_type.protocols().contains(&text)),
        ArgumentKind::Ip => text.is_some_and(|text| text.parse::<IpAddr>().is_ok()),
        ArgumentKind::TargetIp => {
            is_none && spec.hook == Hook::Authenticate || text.is_some_and(|text| text.parse::<IpAddr>().is_ok())
        }
        ArgumentKind::Hostname => is_none || text.is_some_and(is_hostname),
        ArgumentKind::Host => {
            is_none && spec.hook == Hook::Authenticate
                || text.is_some_and(|text| is_hostname(text) || text.parse::<IpAddr>().is_ok())
        }
        ArgumentKind::Domain | ArgumentKind::UserName | ArgumentKind::Password => is_none || text.is_some(),
        ArgumentKind::TargetUser => is_none && is_aa || text.is_some(),
        ArgumentKind::Groups => {
            is_none
                || matches!(value, Value::List(groups)
                    if groups.iter().all(|one| one.as_str().is_some_and(may_be_chosen)))
        }
        ArgumentKind::Port => {
            is_none && spec.hook == Hook::Authenticate && argument != Argument::ClientPort
                || matches!(value, Value::Int(1..=65535))
        }
        ArgumentKind::KeyValuePairs => value.as_dict().is_some_and(|entries| {
            entries.iter().all(|(_, value)| value.as_str().is_some()) && simple_data(value).is_ok()
        }),
        ArgumentKind::ConnectionName => text.is_some_and(may_be_chosen),
        ArgumentKind::Asset => text.is_some_and(|text| text.is_empty() || may_be_chosen(text)),
        ArgumentKind::Cookie => value.as_dict().is_some(),
    }
}

/// What the platform passes as `argument`, in words.
fn passes(argument: Argument, spec: &HookSpec) -> String {
    let in_authenticate = spec.hook == Hook::Authenticate;
    let is_aa = in_authenticate || spec.hook == Hook::Authorize;
    let (what, may_be_none) = match argument.kind() {
        ArgumentKind::SessionId => ("a text", false),
        ArgumentKind::Protocol => ("a protocol of this type of plugin", false),
        ArgumentKind::Ip => ("an IPv4 or IPv6 address", false),
        ArgumentKind::TargetIp => ("an IPv4 or IPv6 address", in_authenticate),
        ArgumentKind::Hostname => ("a host name", true),
        ArgumentKind::Host => ("a host name or an address", in_authenticate),
        ArgumentKind::Domain | ArgumentKind::UserName | ArgumentKind::Password => ("a text", true),
        ArgumentKind::TargetUser => ("a text", is_aa),
        ArgumentKind::Groups => ("a list of texts, each on one line and not empty", true),
        ArgumentKind::Port => ("an int from 1 to 65535", in_authenticate && argument != Argument::ClientPort),
        ArgumentKind::KeyValuePairs => ("an object with texts as values", false),
        ArgumentKind::ConnectionName => ("a text on one line that is not empty", false),
        ArgumentKind::Asset => ("a text on one line", false),
        ArgumentKind::Cookie => ("an object", false),
    };
    if may_be_none { format!("{what} or None") } else { what.to_owned() }
}

/// Checks the order of all calls: after a call that is cut off only `session_ended` follows, once for each plugin and
/// last.
fn order(calls: &[Call]) -> Result<(), String> {
    for (place, call) in calls.iter().enumerate() {
        let after = &calls[place + 1..];
        let ends = call.hook == Hook::SessionEnded;
        if (call.cut_off || ends) && after.iter().any(|later| later.hook != Hook::SessionEnded) {
            return Err(format!("calls follow `{}` in place {}", call.hook, place + 1));
        }
        if ends && after.iter().any(|later| later.other == call.other) {
            return Err("`session_ended` is called twice".into());
        }
        if call.hook == Hook::AuthenticationCompleted
            && after.iter().any(|later| later.other == call.other && later.hook != Hook::SessionEnded)
        {
            return Err("calls follow `authentication_completed`".into());
        }
    }
    Ok(())
}

/// Checks that each hook follows one of its openers, if the plugin has any of them.
fn openings(calls: &[Call], other: bool, has: impl Fn(Hook) -> bool) -> Result<(), String> {
    let is_cut = calls.iter().any(|call| call.cut_off);
    let hooks: Vec<Hook> = calls.iter().filter(|call| call.other == other).map(|call| call.hook).collect();
    for (place, hook) in hooks.iter().enumerate() {
        if is_cut && *hook == Hook::SessionEnded {
            continue;
        }
        let openers = openers(*hook);
        let possible = openers.iter().any(|opener| has(*opener));
        if possible && !hooks[..place].iter().any(|earlier| openers.contains(earlier)) {
            return Err(format!("`{hook}` is called before the hooks that open a session"));
        }
        if *hook == Hook::Authorize && hooks[place + 1..].contains(&Hook::Authenticate) {
            return Err("`authenticate` is called after `authorize`".into());
        }
    }
    Ok(())
}

/// The hooks one of which must be called before `hook`. Empty if `hook` may be the first.
const fn openers(hook: Hook) -> &'static [Hook] {
    match hook {
        Hook::Authorize => &[Hook::Authenticate],
        Hook::AuthenticationCompleted => &[Hook::GetPasswordList, Hook::GetPrivateKeyList],
        Hook::SessionEnded => &[Hook::Authenticate, Hook::GetPasswordList, Hook::GetPrivateKeyList],
        _ => &[],
    }
}

/// Whether the platform would make the calls in this order with plugins that have all hooks.
pub(super) fn keep_order(calls: &[Call]) -> bool {
    order(calls).is_ok() && [false, true].into_iter().all(|other| openings(calls, other, |_| true).is_ok())
}

/// Checks how values belong together: a connection is the same in all calls, and both names of a target have one value.
fn relations(calls: &[Call]) -> Result<(), String> {
    const SAME: &[(Argument, Argument)] = &[
        (Argument::TargetUsername, Argument::ServerUsername),
        (Argument::TargetDomain, Argument::ServerDomain),
        (Argument::TargetPort, Argument::ServerPort),
    ];
    for call in calls {
        for (old, new) in SAME {
            if let (Some(one), Some(two)) = (call.argument(*old), call.argument(*new))
                && one != two
            {
                return Err(format!("`{old}` and `{new}` differ in `{}`", call.hook));
            }
        }
        for host in [Argument::TargetHost, Argument::TargetServer] {
            if let (Some(host), Some(name), Some(address)) =
                (call.argument(host), call.argument(Argument::ServerHostname), call.argument(Argument::ServerIp))
                && host != name
                && host != address
            {
                return Err(format!("the target of `{}` is neither its name nor its address", call.hook));
            }
        }
    }
    let mut passed = [None::<&Value>; Argument::ALL.len()];
    for call in calls {
        let is_aa = matches!(call.hook, Hook::Authenticate | Hook::Authorize);
        for (argument, value) in &call.arguments {
            // The user on the gateway has another argument name for each type of plugin.
            let same = if *argument == Argument::GatewayUsername { Argument::GatewayUser } else { *argument };
            let first = &mut passed[same as usize];
            match first {
                None if is_aa && *value == Value::Null && UNKNOWN_AT_FIRST.contains(argument) => {}
                None => *first = Some(value),
                Some(first) if *first == value => {}
                Some(_) => return Err(format!("`{argument}` changes in `{}`", call.hook)),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Platform, PluginType},
        generate::nominal_session,
        trace::PluginTokens,
    };

    fn domain(plugin_type: PluginType) -> Domain {
        Domain::new(plugin_type, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default())
    }

    /// The violation of a nominal session after `change`; empty for none.
    fn violation_after(plugin_type: PluginType, change: impl FnOnce(&mut Session)) -> String {
        let domain = domain(plugin_type);
        let mut session = nominal_session(&domain, 0);
        assert_eq!(contract_violation(&session, &domain), None);
        change(&mut session);
        contract_violation(&session, &domain).unwrap_or_default()
    }

    /// Sets an argument in all calls.
    fn set(session: &mut Session, argument: Argument, value: impl Into<Value>) {
        let value = value.into();
        for call in &mut session.calls {
            for (_, old) in call.arguments.iter_mut().filter(|(known, _)| *known == argument) {
                *old = value.clone();
            }
        }
    }

    #[test]
    fn values_that_the_platform_never_passes_are_violations() {
        use PluginType::{Aa, CredentialStore};
        let cases: &[(PluginType, Argument, Value)] = &[
            (CredentialStore, Argument::ServerIp, Value::Null),
            (CredentialStore, Argument::ServerIp, Value::text("10.0.0.256")),
            (CredentialStore, Argument::ServerUsername, Value::Null),
            (CredentialStore, Argument::ServerPort, Value::Int(0)),
            (CredentialStore, Argument::ServerPort, Value::text("22")),
            (CredentialStore, Argument::Protocol, Value::text("tsg")),
            (CredentialStore, Argument::GatewayGroups, Value::List(vec![Value::Null])),
            (CredentialStore, Argument::ClientHostname, Value::text("a b")),
            (CredentialStore, Argument::Asset, Value::Null),
            (CredentialStore, Argument::ConnectionName, Value::text("")),
            (CredentialStore, Argument::GatewayGroups, Value::List(vec!["a\nb".into()])),
            (Aa, Argument::KeyValuePairs, Value::Dict(vec![("a".into(), Value::Int(1))])),
            (Aa, Argument::ServerIp, Value::Null),
            (Aa, Argument::ClientPort, Value::Null),
        ];
        for (plugin_type, argument, value) in cases {
            let violation = violation_after(*plugin_type, |session| set(session, *argument, value.clone()));
            assert!(violation.contains(&format!("`{argument}` cannot be")), "{argument} {value:?}: {violation}");
        }
    }

    #[test]
    fn calls_out_of_order_are_violations() {
        use PluginType::{Aa, CredentialStore};
        let end = |session: &mut Session| session.calls.push(session.calls.last().unwrap().clone());
        assert_eq!(violation_after(CredentialStore, end), "`session_ended` is called twice");
        assert!(
            violation_after(CredentialStore, |session| session.calls.reverse())
                .contains("calls follow `session_ended`")
        );
        assert!(violation_after(CredentialStore, |session| session.calls[0].cut_off = true).contains("calls follow"));
        let late = |session: &mut Session| _ = session.calls.remove(0);
        assert!(violation_after(Aa, late).contains("`authorize` is called before"));
        let no_get = |session: &mut Session| session.calls.retain(|call| call.hook == Hook::SessionEnded);
        assert!(violation_after(CredentialStore, no_get).contains("`session_ended` is called before"));
        assert_eq!(
            violation_after(CredentialStore, |session| session.calls.truncate(1)),
            "",
            "a case may be cut short"
        );
    }

    #[test]
    fn values_of_one_connection_that_differ_are_violations() {
        use PluginType::{Aa, CredentialStore};
        let other = |session: &mut Session| set(session, Argument::TargetUsername, "somebody");
        assert!(violation_after(CredentialStore, other).contains("`target_username` and `server_username` differ"));
        let host = |session: &mut Session| set(session, Argument::TargetHost, "elsewhere");
        assert!(violation_after(CredentialStore, host).contains("neither its name nor its address"));
        let changed = |session: &mut Session| session.calls[1].arguments[0].1 = "s-2".into();
        assert!(violation_after(CredentialStore, changed).contains("`session_id` changes"));
        // The platform may learn the user later, but it never forgets the user.
        let user = |place: usize| {
            move |session: &mut Session| {
                let argument = Argument::GatewayUser;
                let user = session.calls[place].arguments.iter_mut().find(|(known, _)| *known == argument);
                user.unwrap().1 = Value::Null;
            }
        };
        assert_eq!(violation_after(Aa, user(0)), "");
        assert!(violation_after(Aa, user(1)).contains("`gateway_user` changes"));
    }
}
