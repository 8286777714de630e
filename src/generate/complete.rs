//! Adds the arguments that a session lacks. A case that somebody wrote, or that an earlier version shrank, may lack
//! some; the platform passes every argument.

use std::net::IpAddr;

use crate::{
    case::{Session, Value},
    contract::Argument,
    generate::{
        Domain,
        paths::canonical,
        shrink::{passed, plain},
    },
};

/// Adds to the calls of the plugin under test what the platform passes and they lack: the value that another call
/// passes, or a plain one.
pub(crate) fn complete(session: &mut Session, domain: &Domain) {
    for at in 0..session.calls.len() {
        let call = &session.calls[at];
        if call.other {
            continue;
        }
        let lacks = |argument: &Argument| call.argument(*argument).is_none();
        let missing: Vec<Argument> = domain.arguments(call.hook).iter().copied().filter(lacks).collect();
        for argument in missing {
            if let Some(value) = value_for(session, argument) {
                session.calls[at].arguments.push((argument, value));
            }
        }
    }
}

/// The value of `argument` that fits the session.
fn value_for(session: &Session, argument: Argument) -> Option<Value> {
    let known = |argument| passed(session, argument).find(|value| **value != Value::Null).cloned();
    let target = || known(Argument::TargetHost);
    let is_address = |value: &Value| value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok());
    // The user named the target by its name or by its address.
    let same = match canonical(argument) {
        Argument::TargetHost => known(Argument::ServerHostname).or_else(|| known(Argument::ServerIp)),
        Argument::ServerIp => target().filter(is_address),
        Argument::ServerHostname => target().filter(|target| !is_address(target)),
        _ => None,
    };
    known(argument).or(same).or_else(|| passed(session, argument).next().cloned()).or_else(|| plain(argument))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Call,
        contract::{Hook, Platform, PluginType},
        generate::{contract_violation, outside_contract},
        trace::PluginTokens,
    };

    #[test]
    fn a_session_that_lacks_arguments_is_completed_with_values_that_belong_together() {
        use Argument::{ServerHostname, ServerIp, ServerUsername, TargetHost};
        /// Type, hook, the arguments that are there, the one that is not, and the value that it gets.
        type Row<'a> = (PluginType, Hook, &'a [(Argument, &'a str)], Argument, &'a str);
        let cases: [Row<'_>; 5] = [
            (PluginType::CredentialStore, Hook::GetPasswordList, &[(ServerIp, "::1")], TargetHost, "srv1.example.com"),
            (PluginType::CredentialStore, Hook::GetPasswordList, &[(TargetHost, "::1")], ServerIp, "::1"),
            (PluginType::CredentialStore, Hook::GetPasswordList, &[(TargetHost, "a.b")], ServerHostname, "a.b"),
            (PluginType::CredentialStore, Hook::GetTotpCodes, &[(ServerUsername, "bob")], ServerIp, "10.0.0.1"),
            (PluginType::Aa, Hook::Authenticate, &[(ServerUsername, "bob")], Argument::TargetUsername, "bob"),
        ];
        for (plugin_type, hook, has, argument, expected) in cases {
            let domain = Domain::new(plugin_type, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
            let arguments = has.iter().map(|(argument, text)| (*argument, Value::text(*text))).collect();
            let mut session = Session::new(vec![Call::new(hook, arguments)]);
            assert!(outside_contract(&session, &domain, None).is_some_and(|why| why.contains("always passes")));
            complete(&mut session, &domain);
            assert_eq!(contract_violation(&session, &domain), None, "{session:#?}");
            assert_eq!(outside_contract(&session, &domain, None), None, "{session:#?}");
            assert_eq!(session.calls[0].argument(argument), Some(&expected.into()), "{has:?}");
        }
    }
}
