//! Where values stand in a session, and how one is changed so that the session stays one: what several calls tell, or one
//! call by two names, changes everywhere at once.

use std::net::IpAddr;

use crate::{
    case::{Session, Value},
    contract::{Argument, ArgumentKind, Hook},
    generate::{Domain, connection::UNKNOWN_AT_FIRST, hosts::is_hostname, text::may_be_chosen},
};

/// Where a value begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Root {
    /// What every call gets as this argument or by another name of it; the first of the names.
    Argument(Argument),
    /// The user's answer of that number in the call of that number.
    Answer(usize, usize),
    /// What the first call gets as `session_cookie`.
    SessionCookie,
    /// What the first call gets as its own cookie.
    Cookie,
    /// What the platform's services hold.
    Services,
}

/// Where a value stands: where it begins, and the way through dicts and lists, by position.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) root: Root,
    pub(super) path: Vec<usize>,
}

impl Place {
    pub(super) const fn of(root: Root) -> Self {
        Self { root, path: Vec::new() }
    }
}

/// The names that tell the same thing in one session.
pub(super) const fn names_of(argument: Argument) -> &'static [Argument] {
    use Argument::{
        GatewayUser, GatewayUsername, ServerDomain, ServerPort, ServerUsername, TargetDomain, TargetHost, TargetPort,
        TargetServer, TargetUsername,
    };
    match argument {
        TargetUsername | ServerUsername => &[ServerUsername, TargetUsername],
        TargetDomain | ServerDomain => &[ServerDomain, TargetDomain],
        TargetPort | ServerPort => &[ServerPort, TargetPort],
        TargetHost | TargetServer => &[TargetHost, TargetServer],
        GatewayUser | GatewayUsername => &[GatewayUser, GatewayUsername],
        _ => &[],
    }
}

/// The first of the names of what `argument` tells.
pub(super) fn meaning(argument: Argument) -> Argument {
    names_of(argument).first().copied().unwrap_or(argument)
}

/// What `session` tells by `argument`: the first value that is not None, `None` where no call gets it.
pub(super) fn told(session: &Session, argument: Argument) -> Option<&Value> {
    let meaning = meaning(argument);
    let mut told = None;
    for (known, value) in session.calls.iter().flat_map(|call| &call.arguments) {
        if *known == argument || self::meaning(*known) == meaning {
            if *value != Value::Null {
                return Some(value);
            }
            told = Some(value);
        }
    }
    told
}

/// Tells `value` by `argument` in all calls of `session` that get it. What was not known yet stays unknown. Returns
/// whether something changed; a value that the argument cannot have changes nothing.
pub(super) fn tell(session: &mut Session, domain: &Domain, argument: Argument, value: &Value) -> bool {
    let Some(value) = fitting(domain, argument, value) else { return false };
    let Some(old) = told(session, argument).cloned() else { return false };
    if old == value {
        return false;
    }
    let is_target = matches!(argument, Argument::TargetHost | Argument::TargetServer);
    if is_target && let Some(text) = value.as_str() {
        // Who asks for another host gets another server.
        let server = if text.parse::<IpAddr>().is_ok() { Argument::ServerIp } else { Argument::ServerHostname };
        if told(session, server).is_some_and(|known| *known != value) {
            put(session, server, None, &value);
        }
    }
    if matches!(argument, Argument::ServerIp | Argument::ServerHostname) {
        // Who asked for the server by this name or address still does.
        let target =
            if value == Value::Null { told(session, Argument::ServerIp).cloned() } else { Some(value.clone()) };
        if let Some(target) = target {
            put(session, Argument::TargetHost, Some(&old), &target);
        }
    }
    put(session, argument, Some(&old), &value);
    true
}

/// Replaces what stands as `argument` where it is `old`, or whatever is not None.
fn put(session: &mut Session, argument: Argument, old: Option<&Value>, value: &Value) {
    let meaning = meaning(argument);
    for (known, place) in session.calls.iter_mut().flat_map(|call| &mut call.arguments) {
        if self::meaning(*known) != meaning {
            continue;
        }
        let is_meant = match old {
            Some(old) => place == old,
            None => *place != Value::Null || !UNKNOWN_AT_FIRST.contains(known),
        };
        if is_meant {
            place.clone_from(value);
        }
    }
}

/// `value`, or what it is as `argument`: text for a number, a number for text, a list of the one group. `None` where the
/// platform would never pass it.
pub(super) fn fitting(domain: &Domain, argument: Argument, value: &Value) -> Option<Value> {
    let may_be_none = match argument.kind() {
        ArgumentKind::Hostname
        | ArgumentKind::Domain
        | ArgumentKind::UserName
        | ArgumentKind::Password
        | ArgumentKind::Groups => true,
        ArgumentKind::TargetUser => domain.has(Hook::Authenticate),
        _ => false,
    };
    if *value == Value::Null {
        return may_be_none.then_some(Value::Null);
    }
    let chosen = |text: &String| may_be_chosen(text);
    match argument.kind() {
        ArgumentKind::Port => {
            let number = match value {
                Value::Int(number) => *number,
                Value::Str(text) => text.trim().parse().ok()?,
                _ => return None,
            };
            (1..=65535).contains(&number).then_some(Value::Int(number))
        }
        ArgumentKind::Groups => match value {
            Value::List(items) => {
                Some(Value::List(items.iter().filter_map(as_text).filter(chosen).map(Value::Str).collect()))
            }
            one => as_text(one).filter(chosen).map(|text| Value::List(vec![Value::Str(text)])),
        },
        ArgumentKind::KeyValuePairs => {
            let entries = value.as_dict()?;
            let texts = entries.iter().filter_map(|(key, value)| Some((key.clone(), Value::Str(as_text(value)?))));
            Some(Value::Dict(texts.collect()))
        }
        ArgumentKind::Cookie => None,
        kind => {
            let text = as_text(value)?;
            let is_address = || text.parse::<IpAddr>().is_ok();
            let fits = match kind {
                ArgumentKind::SessionId => !text.is_empty(),
                ArgumentKind::Protocol => domain.plugin_type.protocols().contains(&text.as_str()),
                ArgumentKind::Ip | ArgumentKind::TargetIp => is_address(),
                ArgumentKind::Hostname => is_hostname(&text),
                ArgumentKind::Host => is_hostname(&text) || is_address(),
                ArgumentKind::ConnectionName => may_be_chosen(&text),
                ArgumentKind::Asset => text.is_empty() || may_be_chosen(&text),
                _ => true,
            };
            fits.then_some(Value::Str(text))
        }
    }
}

/// `value` as somebody would type it.
pub(super) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::BigInt(digits) => Some(digits.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(if *flag { "True" } else { "False" }.to_owned()),
        Value::Null | Value::List(_) | Value::Dict(_) => None,
    }
}

/// The values of `session`, each with its place, whole and in parts. Answers are text. Options are left out: a value that
/// nobody would set is rightly refused.
pub(super) fn values(session: &Session) -> Vec<(Place, Seen<'_>)> {
    let mut values = Vec::with_capacity(64);
    let mut arguments = 0_u32;
    for (argument, _) in session.calls.iter().flat_map(|call| &call.arguments) {
        let argument = meaning(*argument);
        if arguments >> argument as u32 & 1 == 1 {
            continue;
        }
        arguments |= 1 << argument as u32;
        if let Some(value) = told(session, argument) {
            walk(value, &mut Place::of(Root::Argument(argument)), &mut values);
        }
    }
    for (number, call) in session.calls.iter().enumerate() {
        for (index, answer) in call.answers.iter().enumerate() {
            values.push((Place::of(Root::Answer(number, index)), Seen::Text(answer)));
        }
    }
    walk(&session.session_cookie, &mut Place::of(Root::SessionCookie), &mut values);
    walk(&session.services, &mut Place::of(Root::Services), &mut values);
    if session.has_foreign_cookie() {
        walk(&session.cookie, &mut Place::of(Root::Cookie), &mut values);
    }
    values
}

/// A value of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Seen<'s> {
    /// Text, whatever it stands in.
    Text(&'s str),
    /// Anything else.
    Value(&'s Value),
}

/// The deepest that values are looked into.
const DEPTH_LIMIT: usize = 8;
/// The most values that are looked at.
const VALUES_LIMIT: usize = 512;

fn walk<'s>(value: &'s Value, place: &mut Place, values: &mut Vec<(Place, Seen<'s>)>) {
    if values.len() >= VALUES_LIMIT {
        return;
    }
    let seen = value.as_str().map_or(Seen::Value(value), Seen::Text);
    values.push((place.clone(), seen));
    if place.path.len() >= DEPTH_LIMIT {
        return;
    }
    let parts: &mut dyn Iterator<Item = &'s Value> = match value {
        Value::List(items) => &mut items.iter(),
        Value::Dict(entries) => &mut entries.iter().map(|(_, value)| value),
        _ => return,
    };
    for (index, part) in parts.enumerate() {
        place.path.push(index);
        walk(part, place, values);
        place.path.pop();
    }
}

/// Changes what stands at `place`. Returns whether it did; what cannot stand there changes nothing.
pub(super) fn change(
    session: &mut Session,
    domain: &Domain,
    place: &Place,
    change: impl FnOnce(&mut Value) -> bool,
) -> bool {
    match place.root {
        Root::Argument(argument) => {
            let Some(mut value) = told(session, argument).cloned() else { return false };
            let Some(part) = part(&mut value, &place.path) else { return false };
            change(part) && tell(session, domain, argument, &value)
        }
        Root::Answer(call, index) => {
            let answer = session.calls.get_mut(call).and_then(|call| call.answers.get_mut(index));
            answer.is_some_and(|answer| change_text(answer, change))
        }
        Root::SessionCookie => part(&mut session.session_cookie, &place.path).is_some_and(change),
        Root::Cookie => part(&mut session.cookie, &place.path).is_some_and(change),
        Root::Services => part(&mut session.services, &place.path).is_some_and(change),
    }
}

fn change_text(text: &mut String, change: impl FnOnce(&mut Value) -> bool) -> bool {
    let mut value = Value::Str(std::mem::take(text));
    let before = value.clone();
    let changed = change(&mut value).then(|| as_text(&value)).flatten();
    let is_changed = changed.as_deref().is_some_and(|changed| Some(changed) != before.as_str());
    *text = match (changed, before) {
        (Some(changed), _) => changed,
        (None, Value::Str(before)) => before,
        (None, _) => String::new(),
    };
    is_changed
}

fn part<'v>(value: &'v mut Value, path: &[usize]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, index| match value {
        Value::List(items) => items.get_mut(*index),
        Value::Dict(entries) => entries.get_mut(*index).map(|(_, value)| value),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Platform, PluginType},
        generate::{contract_violation, nominal_session},
        trace::PluginTokens,
    };

    #[test]
    fn what_two_names_tell_changes_together_and_a_host_takes_its_server_along() {
        let domain =
            Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
        let changes: [(Argument, Value, &[Argument]); 6] = [
            (Argument::TargetUsername, "x".into(), &[Argument::ServerUsername]),
            (Argument::ServerPort, Value::Int(8200), &[Argument::TargetPort]),
            (Argument::TargetHost, "h.example".into(), &[Argument::ServerHostname]),
            (Argument::TargetHost, "::1".into(), &[Argument::ServerIp]),
            (Argument::ServerHostname, Value::Null, &[]),
            (Argument::ServerIp, "10.9.8.7".into(), &[]),
        ];
        for index in 0..20 {
            for (argument, value, also) in &changes {
                let mut session = nominal_session(&domain, index);
                assert!(tell(&mut session, &domain, *argument, value), "{argument}");
                assert_eq!(contract_violation(&session, &domain), None, "{argument}");
                for argument in [argument].into_iter().chain(*also) {
                    assert_eq!(told(&session, *argument), Some(value));
                }
            }
        }
    }

    #[test]
    fn what_the_platform_never_passes_is_not_told() {
        let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
        let fits = |argument, value: Value| fitting(&domain, argument, &value);
        assert_eq!(fits(Argument::ServerPort, "8200".into()), Some(Value::Int(8200)));
        assert_eq!(fits(Argument::ServerPort, Value::Int(0)), None);
        assert_eq!(fits(Argument::ClientIp, "x".into()), None);
        assert_eq!(fits(Argument::ClientIp, Value::Null), None);
        assert_eq!(fits(Argument::GatewayGroups, "dba".into()), Some(Value::List(vec!["dba".into()])));
        assert_eq!(fits(Argument::GatewayUser, Value::Int(7)), Some("7".into()));
        assert_eq!(fits(Argument::Protocol, "ftp".into()), None);
        assert_eq!(fits(Argument::SessionId, "".into()), None);
    }
}
