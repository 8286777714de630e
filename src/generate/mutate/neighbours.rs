//! Neighbours of a session: the same session with one argument changed, then with two. A plugin that remembers
//! something of a session under a key that lacks an argument gives a neighbour what belongs to that session.

use super::session_values::{assign, value_of};
use crate::{
    case::{Session, Value},
    contract::{Argument, ArgumentKind},
    generate::{Domain, nominal_session, paths::canonical},
};

/// How many nominal sessions are looked through for another value.
const OTHERS: u64 = 8;

/// The neighbours of `session`, each within the contract. First those with one argument changed that a hook takes, then
/// those with two. Values come from nominal sessions, so that the plugin gets as far as before.
pub(crate) fn neighbours(domain: &Domain, session: &Session) -> Vec<Session> {
    let others: Vec<Session> = (0..OTHERS).map(|index| nominal_session(domain, index)).collect();
    let mut taken: Vec<Argument> = Vec::new();
    for call in &session.calls {
        for (argument, _) in &call.arguments {
            // Everything may depend on the session's id.
            let may_change = !matches!(argument.kind(), ArgumentKind::Cookie | ArgumentKind::SessionId);
            let is_known = taken.iter().any(|known| canonical(*known) == canonical(*argument));
            if may_change && !is_known && domain.takes(call.hook, *argument) {
                taken.push(*argument);
            }
        }
    }
    let changed = |session: &Session, argument: Argument| {
        let now = value_of(session, argument)?;
        let differs = |value: &&Value| *value != now && **value != Value::Null;
        let other = others.iter().filter_map(|other| value_of(other, argument)).find(differs)?.clone();
        let mut neighbour = session.clone();
        assign(&mut neighbour, domain, argument, &other).then_some(neighbour)
    };
    let single: Vec<(usize, Session)> =
        taken.iter().enumerate().filter_map(|(at, &argument)| Some((at, changed(session, argument)?))).collect();
    let pairs = single.iter().flat_map(|(at, one)| taken[at + 1..].iter().filter_map(|&other| changed(one, other)));
    let pairs: Vec<Session> = pairs.collect();
    single.into_iter().map(|(_, session)| session).chain(pairs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Hook, Platform, PluginType},
        generate::{nth_session, outside_contract},
        trace::PluginTokens,
    };

    #[test]
    fn each_argument_that_a_hook_takes_is_changed_alone_and_then_each_pair() {
        use Argument::{GatewayUsername, Protocol, ServerUsername, SessionId};
        let all = Hook::ALL.to_vec();
        let mut domain = Domain::new(PluginType::CredentialStore, Platform::newest(), all, PluginTokens::default());
        for &hook in Hook::ALL {
            domain = domain.taking(hook, [SessionId]);
        }
        let domain = domain.taking(Hook::GetPasswordList, [SessionId, GatewayUsername, ServerUsername, Protocol]);
        let asks = |session: &Session| session.calls.iter().any(|call| call.hook == Hook::GetPasswordList);
        for index in (0..40).filter(|index| asks(&nth_session(&domain, 1, *index))) {
            let session = nth_session(&domain, 1, index);
            let made = neighbours(&domain, &session);
            let differing = |neighbour: &Session| {
                let differs = |argument: &&Argument| value_of(neighbour, **argument) != value_of(&session, **argument);
                [GatewayUsername, ServerUsername, Protocol].iter().filter(differs).count()
            };
            let counts: Vec<usize> = made.iter().map(differing).collect();
            assert_eq!(counts, [1, 1, 1, 2, 2, 2], "{index}");
            for neighbour in &made {
                assert_eq!(outside_contract(neighbour, &domain, None), None);
                assert_eq!(value_of(neighbour, SessionId), value_of(&session, SessionId));
            }
        }
    }
}
