//! Ways to the values of a session: the other names of an argument, and parts of dicts and lists.

use crate::{case::Value, contract::Argument};

/// The arguments that pass the same value as `argument` in one session, `argument` itself included; empty if it has no
/// other name.
pub(super) const fn synonyms(argument: Argument) -> &'static [Argument] {
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

/// The synonym of `argument` that represents all of them in comparisons.
pub(super) fn canonical(argument: Argument) -> Argument {
    synonyms(argument).first().copied().unwrap_or(argument)
}

/// The part of `value` at `path`: the positions in dicts and lists, from the outside.
pub(super) fn part<'v>(value: &'v Value, path: &[usize]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, index| match value {
        Value::List(items) => items.get(*index),
        Value::Dict(entries) => entries.get(*index).map(|(_, value)| value),
        _ => None,
    })
}

/// As [`part`], to change it.
pub(super) fn part_mut<'v>(value: &'v mut Value, path: &[usize]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, index| match value {
        Value::List(items) => items.get_mut(*index),
        Value::Dict(entries) => entries.get_mut(*index).map(|(_, value)| value),
        _ => None,
    })
}
