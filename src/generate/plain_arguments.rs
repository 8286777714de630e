//! [`plain_arguments`]: common values for the arguments of a hook.

use crate::{
    case::Value,
    contract::{Argument, ArgumentKind, Hook, Platform, PluginType},
};

/// Common values for all arguments of `hook`, so that a user of `run --hook` needs to name only those that matter.
pub(crate) fn plain_arguments(plugin_type: PluginType, hook: Hook, platform: &Platform) -> Vec<(Argument, Value)> {
    let Some(spec) = hook.spec(plugin_type) else { return Vec::new() };
    let is_passed = |argument: &Argument| argument.kind() != ArgumentKind::Cookie;
    spec.arguments(platform).filter(is_passed).map(|argument| (argument, plain_value(argument))).collect()
}

fn plain_value(argument: Argument) -> Value {
    match argument.kind() {
        ArgumentKind::Cookie | ArgumentKind::KeyValuePairs => Value::empty_dict(),
        ArgumentKind::SessionId => "session-1".into(),
        ArgumentKind::Protocol => "ssh".into(),
        ArgumentKind::Ip => "192.0.2.10".into(),
        ArgumentKind::TargetIp => "192.0.2.20".into(),
        ArgumentKind::Host | ArgumentKind::Hostname if argument == Argument::ClientHostname => {
            "client.example.com".into()
        }
        ArgumentKind::Host | ArgumentKind::Hostname => "server.example.com".into(),
        ArgumentKind::Domain => "example.com".into(),
        ArgumentKind::UserName => "alice".into(),
        ArgumentKind::TargetUser => "root".into(),
        ArgumentKind::Password => "Tr0ub4dor-Qz7-alice".into(),
        ArgumentKind::Groups => Value::List(vec!["operators".into()]),
        ArgumentKind::Port if argument == Argument::ClientPort => Value::Int(50022),
        ArgumentKind::Port => Value::Int(22),
        ArgumentKind::ConnectionName => "connection-1".into(),
        ArgumentKind::Asset => "server.example.com".into(),
    }
}
