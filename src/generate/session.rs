//! Turns bytes into a session: the same bytes give the same session. Sessions keep the contract: the order of hooks,
//! the arguments and when they may be None come from there. No bytes give a plain session.
//!
//! Every run begins with it, so it must be fast: it formats nothing, computes nothing twice, and reads tables that
//! [`Domain`] made once.

use std::cell::RefCell;

use arbitrary::Unstructured;

use crate::{
    case::{Session, Value},
    contract::{Hook, PluginType},
    generate::{
        Domain,
        calls::Calls,
        connection::{Connection, WantedValues},
        cookies, services,
        source::{DomainSource, fill_nth},
    },
};

/// How many bytes a numbered session is made from. Most sessions draw 100, and the most that one of 300,000 drew is
/// 281. A session that draws more is plain from there on.
pub(super) const SESSION_BYTES: usize = 512;

/// The seed of nominal sessions; any number would do.
const NOMINAL_SEED: u64 = 0x6f72_6469_6e61_7279;

/// A session for the plugin of `domain`. Every argument that the platform passes is there.
///
/// # Errors
/// None: if the bytes end, every choice is the plainest. The type is that of `arbitrary`, so that this fits its
/// callers.
pub fn session(u: &mut Unstructured<'_>, domain: &Domain) -> arbitrary::Result<Session> {
    Ok(one_plugin(&mut DomainSource::new(u, domain)))
}

/// The session number `index` of `seed`. It depends on nothing else, so that threads can share the numbers among them.
pub fn nth_session(domain: &Domain, seed: u64, index: u64) -> Session {
    with_bytes(seed, index, |u| one_plugin(&mut DomainSource::new(u, domain)))
}

/// A nominal session, another one for each `index`: all hooks once, all arguments plain and present, empty cookies,
/// answers to questions. A hook that fails in all of these most likely lacks configuration.
pub fn nominal_session(domain: &Domain, index: u64) -> Session {
    with_bytes(NOMINAL_SEED, index, |u| one_plugin(&mut DomainSource::nominal(u, domain)))
}

/// A session of two plugins: first the calls of the AA plugin, then those of the credential store, then `session_ended`
/// for both. The calls of the type that is not `tested` go to the other plugin.
///
/// # Errors
/// None, as for [`session`].
pub fn two_plugin_session(
    u: &mut Unstructured<'_>,
    aa: &Domain,
    store: &Domain,
    tested: PluginType,
) -> arbitrary::Result<Session> {
    let domain = if tested == PluginType::Aa { aa } else { store };
    Ok(two_plugins(&mut DomainSource::new(u, domain), aa, store, tested))
}

/// The session of two plugins number `index` of `seed`, as [`nth_session`].
pub fn nth_two_plugin_session(aa: &Domain, store: &Domain, tested: PluginType, seed: u64, index: u64) -> Session {
    let domain = if tested == PluginType::Aa { aa } else { store };
    with_bytes(seed, index, |u| two_plugins(&mut DomainSource::new(u, domain), aa, store, tested))
}

/// A nominal session of two plugins, as [`nominal_session`].
pub(crate) fn nominal_two_plugin_session(aa: &Domain, store: &Domain, tested: PluginType, index: u64) -> Session {
    let domain = if tested == PluginType::Aa { aa } else { store };
    with_bytes(NOMINAL_SEED, index, |u| two_plugins(&mut DomainSource::nominal(u, domain), aa, store, tested))
}

/// Calls `make` with the bytes number `index` of `seed`, in a buffer that each thread makes once.
fn with_bytes<T>(seed: u64, index: u64, make: impl FnOnce(&mut Unstructured<'_>) -> T) -> T {
    thread_local! {
        static BUFFER: RefCell<[u8; SESSION_BYTES]> = const { RefCell::new([0; SESSION_BYTES]) };
    }
    BUFFER.with_borrow_mut(|buffer| {
        fill_nth(seed, index, buffer);
        make(&mut Unstructured::new(&buffer[..]))
    })
}

fn one_plugin(source: &mut DomainSource<'_, '_>) -> Session {
    let domain = source.domain;
    let aa = domain.plugin_type == PluginType::Aa;
    let users = if aa { &domain.tables().answers[..] } else { &[] };
    let wanted = WantedValues { aa, users, store: !aa, asset: domain.has(Hook::GetRemoteAppCredentials) };
    if domain.hooks.is_empty() {
        return Session::new(Vec::new());
    }
    let connection = Connection::new(source, domain.plugin_type.protocols(), wanted);
    let mut calls = Calls::new(&connection);
    match aa {
        true => calls.aa(source, domain, false),
        false => calls.store(source, domain, false),
    }
    calls.cut_off(source);
    calls.end(domain, false);
    finish(source, calls, None)
}

fn two_plugins(source: &mut DomainSource<'_, '_>, aa: &Domain, store: &Domain, tested: PluginType) -> Session {
    let users = &aa.tables().answers;
    let wanted = WantedValues { aa: true, users, store: true, asset: store.has(Hook::GetRemoteAppCredentials) };
    let connection = Connection::new(source, PluginType::CredentialStore.protocols(), wanted);
    let (aa_is_other, store_is_other) = (tested != PluginType::Aa, tested == PluginType::Aa);
    let mut calls = Calls::new(&connection);
    calls.aa(source, aa, aa_is_other);
    // If the user gives up in the AA plugin, the platform never asks the credential store.
    if !calls.given_up() {
        calls.store(source, store, store_is_other);
    }
    calls.cut_off(source);
    calls.end(aa, aa_is_other);
    calls.end(store, store_is_other);
    finish(source, calls, Some(if aa_is_other { aa } else { store }))
}

/// Draws the cookies after the calls, and the services last, so that services change neither calls nor cookies.
fn finish(source: &mut DomainSource<'_, '_>, calls: Calls<'_>, other: Option<&Domain>) -> Session {
    let session_cookie = cookies::session_cookie(source);
    let is_foreign = source.domain.foreign_cookies() && source.deviates(16);
    let cookie = if is_foreign { cookies::foreign_cookie(source) } else { Value::empty_dict() };
    let session = Session { cookie, session_cookie, ..Session::new(calls.into_made()) };
    let services = services::of_session(source, &session, other);
    Session { services, ..session }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{
        case::Call,
        contract::{Argument, ArgumentKind, Platform},
        generate::{contract_violation, contract_violation_of_two},
        trace::{OptionToken, PluginTokens},
    };

    fn domain(plugin_type: PluginType, platform: &str) -> Domain {
        let tokens = PluginTokens {
            strings: ["vp", "questions", "hvac_token", "(\\w+)://(.*)"].map(str::to_owned).to_vec(),
            numbers: vec![8200],
            ..PluginTokens::default()
        };
        Domain::new(plugin_type, Platform::named(platform).unwrap(), Hook::ALL.to_vec(), tokens)
    }

    fn passed(session: &Session) -> impl Iterator<Item = (Hook, Argument, &Value)> {
        session.calls.iter().flat_map(|call| call.arguments.iter().map(|(a, value)| (call.hook, *a, value)))
    }

    #[test]
    fn no_session_leaves_the_contract_and_every_argument_is_passed() {
        for plugin_type in [PluginType::CredentialStore, PluginType::Aa] {
            for platform in ["5.10", "6.5", "9.0"] {
                let domain = domain(plugin_type, platform);
                for index in 0..20_000 {
                    let session = nth_session(&domain, 1, index);
                    assert_eq!(contract_violation(&session, &domain), None, "{index}: {session:#?}");
                    assert_eq!(session.calls.last().map(|call| call.hook), Some(Hook::SessionEnded));
                    for call in &session.calls {
                        assert!(call.arguments.iter().map(|(a, _)| a).eq(domain.arguments(call.hook)), "{call:#?}");
                    }
                }
            }
        }
    }

    #[test]
    fn sessions_of_two_plugins_keep_the_contract_of_both() {
        let aa = domain(PluginType::Aa, "9.0");
        let store = domain(PluginType::CredentialStore, "9.0");
        for tested in [PluginType::Aa, PluginType::CredentialStore] {
            let (own, other) = if tested == PluginType::Aa { (&aa, &store) } else { (&store, &aa) };
            let mut of_both = 0;
            for index in 0..5_000 {
                let session = nth_two_plugin_session(&aa, &store, tested, 1, index);
                assert_eq!(contract_violation_of_two(&session, own, other), None, "{index}: {session:#?}");
                assert_eq!(session.calls[0].hook, Hook::Authenticate);
                of_both +=
                    usize::from(session.calls.iter().filter(|call| call.hook == Hook::SessionEnded).count() == 2);
            }
            assert!(of_both > 4_000, "{of_both}");
            let nominal = nominal_two_plugin_session(&aa, &store, tested, 0);
            assert_eq!(contract_violation_of_two(&nominal, own, other), None);
        }
    }

    #[test]
    fn users_in_the_configuration_often_give_its_answer() {
        let pin = OptionToken { section: "pins".into(), name: "bob".into(), value: Some("tin-saddle".into()) };
        let tokens = PluginTokens { options: vec![pin], ..PluginTokens::default() };
        let aa = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), tokens);
        let store = domain(PluginType::CredentialStore, "9.0");
        let is_let_in = |session: &Session| {
            let first = &session.calls[0];
            first.argument(Argument::GatewayUser) == Some(&Value::text("bob"))
                && first.answers.contains(&"tin-saddle".into())
        };
        let of_one = (0..1_000).filter(|&index| is_let_in(&nth_session(&aa, 1, index))).count();
        let tested = PluginType::CredentialStore;
        let of_two = (0..1_000).filter(|&index| is_let_in(&nth_two_plugin_session(&aa, &store, tested, 1, index)));
        let nominal = (0..32).filter(|&index| is_let_in(&nominal_session(&aa, index)));
        let counts = (of_one, of_two.count(), nominal.count());
        assert!(counts.0 > 200 && counts.1 > 200 && counts.2 > 4, "{counts:?}");
        assert!(counts.0 < 800 && counts.1 < 800 && counts.2 < 28, "other users and answers as well: {counts:?}");
    }

    #[test]
    fn a_numbered_session_depends_on_seed_and_index_alone() {
        let domain = domain(PluginType::CredentialStore, "9.0");
        let forwards: Vec<_> = (0..50).map(|index| nth_session(&domain, 7, index)).collect();
        let mut backwards: Vec<_> = (0..50).rev().map(|index| nth_session(&domain, 7, index)).collect();
        backwards.reverse();
        assert_eq!(forwards, backwards);
        assert_eq!(
            forwards,
            std::thread::spawn(move || (0..50).map(|index| nth_session(&domain, 7, index)).collect::<Vec<_>>())
                .join()
                .unwrap()
        );
        assert!((1..50).all(|index| forwards[0] != forwards[index]));
    }

    #[test]
    fn neighbouring_seeds_share_no_sessions() {
        let domain = domain(PluginType::Aa, "9.0");
        let mut ids = HashSet::new();
        for seed in 0..40 {
            for index in 0..40 {
                let session = nth_session(&domain, seed, index);
                let id = session.calls[0].argument(Argument::SessionId).unwrap().as_str().unwrap().to_owned();
                assert!(ids.insert(id), "seed {seed}, index {index}");
            }
        }
    }

    #[test]
    fn questions_are_answered_with_what_the_configuration_holds_as_well() {
        let pin = OptionToken { section: "pins".into(), name: "alice".into(), value: Some("plum-orbit-3318".into()) };
        let tokens = PluginTokens { options: vec![pin], ..PluginTokens::default() };
        let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), tokens);
        let opens = |index| nth_session(&domain, 1, index).calls[0].answers.iter().any(|one| one == "plum-orbit-3318");
        assert!((0..200).filter(|&index| opens(index)).count() > 10);
    }

    #[test]
    fn no_bytes_give_a_plain_session() {
        for plugin_type in [PluginType::CredentialStore, PluginType::Aa] {
            let domain = domain(plugin_type, "9.0");
            let plain = session(&mut Unstructured::new(&[]), &domain).unwrap();
            assert_eq!(plain, session(&mut Unstructured::new(&[0; 64]), &domain).unwrap());
            assert_eq!(contract_violation(&plain, &domain), None);
            assert!(plain.session_cookie.is_empty_dict() && !plain.has_foreign_cookie());
            assert!(passed(&plain).all(|(.., value)| *value != Value::Null), "{plain:#?}");
            assert_eq!(plain.calls.len(), 3);
        }
    }

    #[test]
    fn a_nominal_session_calls_every_hook_once_with_everything_present() {
        for plugin_type in [PluginType::CredentialStore, PluginType::Aa] {
            let domain = domain(plugin_type, "9.0");
            let mut different = HashSet::new();
            for index in 0..48 {
                let session = nominal_session(&domain, index);
                assert_eq!(contract_violation(&session, &domain), None);
                let mut hooks: Vec<_> = session.calls.iter().map(|call| call.hook).collect();
                hooks.sort();
                let mut all = domain.hooks.clone();
                all.sort();
                assert_eq!(hooks, all);
                assert!(session.cookie.is_empty_dict() && session.session_cookie.is_empty_dict());
                assert!(session.calls.iter().all(|call| !call.cut_off));
                assert!(passed(&session).all(|(.., value)| *value != Value::Null && *value != Value::text("")));
                different.insert(format!("{session:?}"));
            }
            assert_eq!(different.len(), 48);
        }
    }

    #[test]
    fn every_hook_and_every_shape_of_argument_turns_up() {
        let mut seen = HashSet::new();
        for plugin_type in [PluginType::CredentialStore, PluginType::Aa] {
            let plain = domain(plugin_type, "9.0");
            assert!((0..3_000).all(|index| !nth_session(&plain, 3, index).has_foreign_cookie()));
            let domain = plain.with_foreign_cookies(true);
            for index in 0..3_000 {
                let session = nth_session(&domain, 3, index);
                see(&session, plugin_type, &mut seen);
            }
        }
        let all = Hook::ALL.iter().map(|hook| hook.name().to_owned()).chain(
            PluginType::Aa
                .protocols()
                .iter()
                .chain(PluginType::CredentialStore.protocols())
                .map(|p| format!("protocol {p}")),
        );
        let shapes = [
            "None as client_hostname",
            "None as gateway_username",
            "None as gateway_domain",
            "None as gateway_password",
            "None as gateway_groups",
            "None as target_domain",
            "None as server_hostname",
            "None as gateway_user",
            "None as target_username",
            "None as server_username",
            "None as server_domain",
            "empty gateway_password",
            "empty asset",
            "empty gateway_groups",
            "IPv6 client_ip",
            "IPv6 server_ip",
            "IPv6 target_host",
            "port 65535",
            "port 1",
            "port 8200",
            "non-ASCII text",
            "long text",
            "a word in an argument",
            "a word in key_value_pairs",
            "otp in key_value_pairs",
            "username in key_value_pairs",
            "questions as Dict",
            "questions as List",
            "questions as Str",
            "a word in session_cookie",
            "foreign cookie",
            "cut off",
            "0 answers",
            "3 answers",
            "known later",
            "no authentication_completed",
            "same user",
        ];
        for shape in all.chain(shapes.map(str::to_owned)) {
            assert!(seen.contains(&shape), "{shape} never turned up");
        }
    }

    fn see(session: &Session, plugin_type: PluginType, seen: &mut HashSet<String>) {
        let mut note = |what: String| _ = seen.insert(what);
        for (hook, argument, value) in passed(session) {
            note(hook.name().to_owned());
            match value {
                Value::Null => note(format!("None as {argument}")),
                Value::Int(port) => note(format!("port {port}")),
                Value::List(items) if items.is_empty() => note(format!("empty {argument}")),
                Value::Dict(pairs) => {
                    for (key, _) in pairs {
                        note(format!("{} in key_value_pairs", if key == "vp" { "a word" } else { key }));
                    }
                }
                Value::Str(text) => match argument.kind() {
                    ArgumentKind::Protocol => note(format!("protocol {text}")),
                    ArgumentKind::Ip | ArgumentKind::TargetIp | ArgumentKind::Host if text.contains(':') => {
                        note(format!("IPv6 {argument}"))
                    }
                    _ if text.is_empty() => note(format!("empty {argument}")),
                    _ if text.len() >= 1000 => note("long text".into()),
                    _ if !text.is_ascii() => note("non-ASCII text".into()),
                    _ if text == "hvac_token" => note("a word in an argument".into()),
                    _ => {}
                },
                _ => {}
            }
        }
        if let Some(questions) = session.session_cookie.get("questions") {
            note(format!("questions as {}", format!("{questions:?}").split('(').next().unwrap()));
        }
        if session.session_cookie.get("hvac_token").is_some() {
            note("a word in session_cookie".into());
        }
        if session.has_foreign_cookie() {
            note("foreign cookie".into());
        }
        let first = &session.calls[0];
        if session.calls.iter().any(|call| call.cut_off) {
            note("cut off".into());
        } else if plugin_type == PluginType::Aa {
            note(format!("{} answers", first.answers.len()));
            let user = |call: &Call| call.argument(Argument::TargetUsername).cloned();
            if session.calls.len() > 2 && user(first) != user(&session.calls[1]) {
                note("known later".into());
            }
        } else {
            if session.calls.iter().all(|call| call.hook != Hook::AuthenticationCompleted) {
                note("no authentication_completed".into());
            }
            if first.argument(Argument::GatewayUsername) == first.argument(Argument::ServerUsername) {
                note("same user".into());
            }
        }
    }
}
