//! Finds values in a session, and changes them so that the session stays consistent: a value that several calls pass,
//! or one call passes by two names, changes everywhere.

use std::net::IpAddr;

use crate::{
    case::{Session, Value},
    contract::{Argument, ArgumentKind, Hook},
    generate::{
        Domain,
        connection::UNKNOWN_AT_FIRST,
        hosts::is_hostname,
        paths::{canonical, part_mut},
        text::may_be_chosen,
    },
};

/// Where the path to a value begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum ValueRoot {
    /// This argument in every call; the canonical one of its synonyms.
    Argument(Argument),
    /// The numbers of a call and of one of its answers.
    Answer(usize, usize),
    /// The first `session_cookie`.
    SessionCookie,
    /// The plugin's first `cookie`.
    Cookie,
    /// The content of the platform's services.
    Services,
}

/// The way to a value: its beginning, and the positions in dicts and lists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ValuePath {
    pub(super) root: ValueRoot,
    pub(super) steps: Vec<usize>,
}

impl ValuePath {
    pub(super) const fn of(root: ValueRoot) -> Self {
        Self { root, steps: Vec::new() }
    }
}

/// The value of `argument` or a synonym in `session`: the first one that is not None. `None` if no call gets it.
pub(super) fn value_of(session: &Session, argument: Argument) -> Option<&Value> {
    let wanted = canonical(argument);
    let mut found = None;
    for (known, value) in session.calls.iter().flat_map(|call| &call.arguments) {
        if *known == argument || canonical(*known) == wanted {
            if *value != Value::Null {
                return Some(value);
            }
            found = Some(value);
        }
    }
    found
}

/// Sets `argument` to `value` in all calls of `session` that get it. A value that the platform does not know yet stays
/// None. Returns whether something changed; a value that the argument cannot have changes nothing.
pub(super) fn assign(session: &mut Session, domain: &Domain, argument: Argument, value: &Value) -> bool {
    let Some(value) = fitting(domain, argument, value) else { return false };
    let Some(old) = value_of(session, argument).cloned() else { return false };
    if old == value {
        return false;
    }
    let is_target = matches!(argument, Argument::TargetHost | Argument::TargetServer);
    if is_target && let Some(text) = value.as_str() {
        // Another target means another server.
        let server = if text.parse::<IpAddr>().is_ok() { Argument::ServerIp } else { Argument::ServerHostname };
        if value_of(session, server).is_some_and(|known| *known != value) {
            put(session, server, None, &value);
        }
    }
    if matches!(argument, Argument::ServerIp | Argument::ServerHostname) {
        // If the target was this name or address, it stays equal to it.
        let target =
            if value == Value::Null { value_of(session, Argument::ServerIp).cloned() } else { Some(value.clone()) };
        if let Some(target) = target {
            put(session, Argument::TargetHost, Some(&old), &target);
        }
    }
    put(session, argument, Some(&old), &value);
    true
}

/// Replaces `argument` in each call if it is `old`, or, without `old`, if the platform knows it.
fn put(session: &mut Session, argument: Argument, old: Option<&Value>, value: &Value) {
    let wanted = canonical(argument);
    for (known, value_there) in session.calls.iter_mut().flat_map(|call| &mut call.arguments) {
        if canonical(*known) != wanted {
            continue;
        }
        let is_meant = match old {
            Some(old) => value_there == old,
            None => *value_there != Value::Null || !UNKNOWN_AT_FIRST.contains(known),
        };
        if is_meant {
            value_there.clone_from(value);
        }
    }
}

/// `value` in the type of `argument`: a text for a number, a number for a text, a list of one group. `None` if the
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

/// `value` as a user would type it.
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

/// The values of `session` and their parts, each with its path. Options are left out: a plugin may refuse a value that
/// makes no sense.
pub(super) fn values(session: &Session) -> Vec<(ValuePath, SeenValue<'_>)> {
    let mut values = Vec::with_capacity(64);
    let mut arguments = 0_u32;
    for (argument, _) in session.calls.iter().flat_map(|call| &call.arguments) {
        let argument = canonical(*argument);
        if arguments >> argument as u32 & 1 == 1 {
            continue;
        }
        arguments |= 1 << argument as u32;
        if let Some(value) = value_of(session, argument) {
            walk(value, &mut ValuePath::of(ValueRoot::Argument(argument)), &mut values);
        }
    }
    for (number, call) in session.calls.iter().enumerate() {
        for (index, answer) in call.answers.iter().enumerate() {
            values.push((ValuePath::of(ValueRoot::Answer(number, index)), SeenValue::Text(answer)));
        }
    }
    walk(&session.session_cookie, &mut ValuePath::of(ValueRoot::SessionCookie), &mut values);
    walk_services(&session.services, &mut values);
    if session.has_foreign_cookie() {
        walk(&session.cookie, &mut ValuePath::of(ValueRoot::Cookie), &mut values);
    }
    values
}

/// A value of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SeenValue<'s> {
    /// A text.
    Text(&'s str),
    /// Anything else.
    Value(&'s Value),
}

/// The deepest nesting that is visited.
const DEPTH_LIMIT: usize = 8;
/// The most values that are visited.
const VALUES_LIMIT: usize = 512;

/// Visits the services but for the files of the appliance: a part of one is no value of its own.
fn walk_services<'s>(services: &'s Value, values: &mut Vec<(ValuePath, SeenValue<'s>)>) {
    let mut path = ValuePath::of(ValueRoot::Services);
    if values.len() < VALUES_LIMIT {
        values.push((path.clone(), SeenValue::Value(services)));
    }
    for (index, (service, content)) in services.as_dict().unwrap_or_default().iter().enumerate() {
        if service != "appliance_files" {
            path.steps.push(index);
            walk(content, &mut path, values);
            path.steps.pop();
        }
    }
}

fn walk<'s>(value: &'s Value, path: &mut ValuePath, values: &mut Vec<(ValuePath, SeenValue<'s>)>) {
    if values.len() >= VALUES_LIMIT {
        return;
    }
    let seen = value.as_str().map_or(SeenValue::Value(value), SeenValue::Text);
    values.push((path.clone(), seen));
    if path.steps.len() >= DEPTH_LIMIT {
        return;
    }
    let parts: &mut dyn Iterator<Item = &'s Value> = match value {
        Value::List(items) => &mut items.iter(),
        Value::Dict(entries) => &mut entries.iter().map(|(_, value)| value),
        _ => return,
    };
    for (index, part) in parts.enumerate() {
        path.steps.push(index);
        walk(part, path, values);
        path.steps.pop();
    }
}

/// Changes the value at `path`. Returns whether it changed; an impossible value changes nothing.
pub(super) fn change(
    session: &mut Session,
    domain: &Domain,
    path: &ValuePath,
    change: impl FnOnce(&mut Value) -> bool,
) -> bool {
    match path.root {
        ValueRoot::Argument(argument) => {
            let Some(mut value) = value_of(session, argument).cloned() else { return false };
            let Some(part) = part_mut(&mut value, &path.steps) else { return false };
            change(part) && assign(session, domain, argument, &value)
        }
        ValueRoot::Answer(call, index) => {
            let answer = session.calls.get_mut(call).and_then(|call| call.answers.get_mut(index));
            answer.is_some_and(|answer| change_text(answer, change))
        }
        ValueRoot::SessionCookie => part_mut(&mut session.session_cookie, &path.steps).is_some_and(change),
        ValueRoot::Cookie => part_mut(&mut session.cookie, &path.steps).is_some_and(change),
        ValueRoot::Services => part_mut(&mut session.services, &path.steps).is_some_and(change),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Platform, PluginType},
        generate::{contract_violation, nominal_session},
        trace::PluginTokens,
    };

    #[test]
    fn synonyms_change_together_and_a_target_changes_its_server() {
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
                assert!(assign(&mut session, &domain, *argument, value), "{argument}");
                assert_eq!(contract_violation(&session, &domain), None, "{argument}");
                for argument in [argument].into_iter().chain(*also) {
                    assert_eq!(value_of(&session, *argument), Some(value));
                }
            }
        }
    }

    #[test]
    fn a_value_that_the_platform_never_passes_does_not_fit() {
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

    #[test]
    fn a_file_of_the_appliance_is_no_value_to_change() {
        let services = r#"{"appliance_files": {"/etc/spp/join.json": "{}"}, "memory_cache": {"a": "1"}}"#;
        let session = Session { services: serde_json::from_str(services).unwrap(), ..Session::new(Vec::new()) };
        let texts: Vec<_> = values(&session)
            .into_iter()
            .filter_map(|(path, seen)| match seen {
                SeenValue::Text(text) => Some((path.steps, text)),
                SeenValue::Value(_) => None,
            })
            .collect();
        assert_eq!(texts, [(vec![1, 0], "1")]);
    }
}
