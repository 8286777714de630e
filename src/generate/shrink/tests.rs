//! Properties of all shrunk sessions.

use super::{
    shrinker::{TRIES_LIMIT, digest},
    *,
};
use crate::{
    case::{Call, Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    generate::{Domain, contract_violation, contract_violation_of_two, nth_session, nth_two_plugin_session},
    trace::PluginTokens,
};

fn domain(plugin_type: PluginType) -> Domain {
    let strings = ["vp", "questions"].map(str::to_owned).to_vec();
    Domain::new(
        plugin_type,
        Platform::newest(),
        Hook::ALL.to_vec(),
        PluginTokens { strings, ..PluginTokens::default() },
    )
}

/// The minima of the first 40 sessions that show it. Every candidate on the way must keep the contract.
fn minima(plugin_type: PluginType, shows: impl Fn(&Session) -> bool) -> Vec<Session> {
    let domain = domain(plugin_type);
    let sessions = (0..200_000).map(|index| nth_session(&domain, 5, index)).filter(|session| shows(session)).take(40);
    let minima: Vec<Session> = sessions
        .map(|session| {
            let mut shrinker = Shrinker::new(session.clone());
            let mut tries = 0;
            while let Some(candidate) = shrinker.next_candidate() {
                tries += 1;
                assert_eq!(contract_violation(&candidate, &domain), None, "{candidate:#?}");
                if shows(&candidate) {
                    shrinker.accept(candidate);
                }
            }
            assert!(tries < 400, "{tries} tries for {session:#?}");
            shrinker.into_session()
        })
        .collect();
    assert_eq!(minima.len(), 40);
    minima
}

fn call(session: &Session, hook: Hook) -> Option<&Call> {
    session.calls.iter().find(|call| call.hook == hook)
}

/// Asserts that these arguments of `call` have these values, and that all others are plain.
#[track_caller]
fn is_plain_but(call: &Call, values: &[(Argument, Value)]) {
    for (argument, value) in &call.arguments {
        // The target is the server's name or its address.
        let is_target = matches!(argument, Argument::TargetHost | Argument::TargetServer);
        let expected = values.iter().find(|(known, _)| known == argument).map(|(_, value)| value.clone());
        match expected.or_else(|| plain(*argument).filter(|_| !is_target)) {
            Some(expected) => assert_eq!(*value, expected, "{argument} of {call:#?}"),
            None => assert!(
                [Argument::ServerIp, Argument::ServerHostname].iter().any(|&one| call.argument(one) == Some(value))
            ),
        }
    }
}

#[test]
fn an_address_that_is_split_at_a_colon_becomes_the_simplest_ipv6_address() {
    let minima = minima(PluginType::CredentialStore, |session| {
        let address = |call: &Call| call.argument(Argument::ServerIp)?.as_str().map(|text| text.contains(':'));
        call(session, Hook::GetPasswordList).and_then(address) == Some(true)
    });
    for session in minima {
        assert_eq!(session.calls.len(), 1);
        is_plain_but(&session.calls[0], &[(Argument::ServerIp, "::1".into())]);
    }
}

#[test]
fn a_cookie_keeps_only_the_entry_that_matters() {
    let minima = minima(PluginType::CredentialStore, |session| {
        matches!(session.session_cookie.get("questions"), Some(Value::List(_)))
    });
    for session in minima {
        assert_eq!(session.session_cookie, Value::Dict(vec![("questions".into(), Value::List(Vec::new()))]));
        assert_eq!(session.calls.len(), 1, "{session:#?}");
        is_plain_but(&session.calls[0], &[]);
    }
}

#[test]
fn none_in_the_second_call_stays_none_while_the_first_call_is_needed() {
    let minima = minima(PluginType::CredentialStore, |session| {
        let groups = |call: &Call| call.argument(Argument::GatewayGroups) == Some(&Value::Null);
        session.calls.get(1).is_some_and(groups)
    });
    for session in minima {
        assert_eq!(session.calls.len(), 2, "{session:#?}");
        is_plain_but(&session.calls[1], &[(Argument::GatewayGroups, Value::Null)]);
    }
}

#[test]
fn a_hook_keeps_the_call_that_must_come_before_it() {
    let ended = minima(PluginType::CredentialStore, |session| call(session, Hook::SessionEnded).is_some());
    for session in ended {
        assert_eq!(session.calls.len(), 2, "{session:#?}");
        assert!(
            matches!(session.calls[0].hook, Hook::GetPasswordList | Hook::GetPrivateKeyList)
                || session.calls[0].cut_off
        );
    }
    let authorize = minima(PluginType::Aa, |session| call(session, Hook::Authorize).is_some());
    for session in authorize {
        assert_eq!(
            session.calls.iter().map(|call| call.hook).collect::<Vec<_>>(),
            [Hook::Authenticate, Hook::Authorize]
        );
        session.calls.iter().for_each(|call| is_plain_but(call, &[]));
    }
}

#[test]
fn text_loses_what_does_not_matter() {
    let minima = minima(PluginType::Aa, |session| {
        let user = |call: &Call| call.argument(Argument::TargetUsername)?.as_str().map(|text| text.contains('%'));
        call(session, Hook::Authenticate).and_then(user) == Some(true)
    });
    for session in minima {
        let user = [Argument::TargetUsername, Argument::ServerUsername].map(|argument| (argument, "%".into()));
        is_plain_but(&session.calls[0], &user);
    }
}

#[test]
fn numbers_and_answers_that_matter_stay_and_are_small() {
    let minima = minima(PluginType::Aa, |session| {
        call(session, Hook::Authenticate).is_some_and(|call| {
            call.answers.len() >= 2 && matches!(call.argument(Argument::ClientPort), Some(Value::Int(1024..)))
        })
    });
    for session in minima {
        is_plain_but(&session.calls[0], &[(Argument::ClientPort, 50000.into())]);
        assert_eq!(session.calls[0].answers, ["4nsw3r-Qz7-alice"; 2]);
    }
}

#[test]
fn only_arguments_that_the_hook_does_not_take_are_removed() {
    let domain = domain(PluginType::CredentialStore);
    let taken = [Argument::ClientIp, Argument::ServerPort];
    let unseen = Argument::ALL.iter().filter(|argument| !taken.contains(argument));
    let unseen: Vec<_> = unseen.map(|&argument| (Hook::GetPasswordList, argument)).collect();
    let mut shrinker = Shrinker::dropping(nth_session(&domain, 5, 0), unseen);
    let all = shrinker.session().calls.iter().map(|call| call.arguments.len()).max().unwrap();
    while let Some(candidate) = shrinker.next_candidate() {
        for call in &candidate.calls {
            let has_taken = taken.iter().all(|argument| call.argument(*argument).is_some());
            assert!(call.hook != Hook::GetPasswordList || has_taken);
            let is_whole = call.arguments.len() == domain.arguments(call.hook).len();
            assert!(call.hook == Hook::GetPasswordList || is_whole);
        }
        if call(&candidate, Hook::GetPasswordList).is_some() {
            shrinker.accept(candidate);
        }
    }
    let smallest = vec![(Argument::ClientIp, "10.0.0.2".into()), (Argument::ServerPort, 22.into())];
    assert_eq!(*shrinker.session(), Session::new(vec![Call::new(Hook::GetPasswordList, smallest)]));
    assert!(all > 10);
}

#[test]
fn options_and_services_that_do_not_matter_go_and_the_entry_that_does_stays() {
    let domain = domain(PluginType::CredentialStore);
    let option =
        |name: &str| crate::case::SetOption { section: "ldap_server".into(), name: name.into(), value: "ad".into() };
    let services = r#"{"memory_cache": {"a": "1", "b": "2"}, "user_lists": {"vip": {"allow": "no_user", "except": ["x"]}},
        "ldap": {"ad": {"users": {"alice": {"mail": "alice@example.com", "cn": "alice"}, "bob": {}}, "groups": {}}},
        "trusted_ca_lists": {"corp": {"certs": ["-----BEGIN CERTIFICATE-----\nabc"]}}}"#;
    let session = Session {
        options: vec![option("name"), option("other"), option("third")],
        services: serde_json::from_str(services).unwrap(),
        ..nth_session(&domain, 5, 0)
    };
    let user = |session: &Session| session.services.get("ldap")?.get("ad")?.get("users")?.get("alice").cloned();
    let mut shrinker = Shrinker::new(session);
    let mut tries = 0;
    while let Some(candidate) = shrinker.next_candidate() {
        tries += 1;
        assert_eq!(contract_violation(&candidate, &domain), None, "{candidate:#?}");
        let is_named = candidate.options.iter().any(|option| option.name == "name");
        let mail = user(&candidate).and_then(|user| user.get("mail")?.as_str().map(str::to_owned));
        if is_named && mail.is_some_and(|mail| mail.contains('@')) {
            shrinker.accept(candidate);
        }
    }
    let session = shrinker.into_session();
    assert_eq!(session.options, [option("name")]);
    assert_eq!(session.services.to_string(), r#"{"ldap":{"ad":{"users":{"alice":{"mail":"@"}}}}}"#);
    assert!(session.calls.len() == 1 && tries < 300, "{tries}");
    is_plain_but(&session.calls[0], &[]);
}

#[test]
fn a_file_of_the_appliance_that_does_not_matter_goes_and_the_other_becomes_plain_or_stays() {
    let domain = domain(PluginType::CredentialStore);
    let services = r#"{"appliance_files": {
        "/etc/spp/join.json": "{\"spp_primary_ip\": \"10.9.8.7\",\n \"sps_cluster_interface_ip\": \"10.9.8.6\"}",
        "/etc/spp/cluster_members.json": "[{\"Ipv4Address\": \"10.9.8.7\"}, {\"Ipv4Address\": \"10.9.8.5\"}]",
        "/usr/share/zorp/dictionary": "ATTRIBUTE User-Name 1 string"}, "box_configuration": {"gateway_fqdn": "gw.example.com"}}"#;
    let services: Value = serde_json::from_str(services).unwrap();
    let file = |session: &Session, name: &str| Some(session.services.get("appliance_files")?.get(name)?.to_string());
    let shrunk = |keeps: &dyn Fn(&Session) -> bool| {
        let mut shrinker = Shrinker::new(Session { services: services.clone(), ..nth_session(&domain, 5, 0) });
        while let Some(candidate) = shrinker.next_candidate() {
            assert_eq!(contract_violation(&candidate, &domain), None, "{candidate:#?}");
            if keeps(&candidate) {
                shrinker.accept(candidate);
            }
        }
        shrinker.into_session().services
    };
    // Neither matters; the content of one does not matter; the content of one matters.
    assert_eq!(shrunk(&|_| true), Value::empty_dict());
    let plain = crate::generate::services::plain_file("/etc/spp/join.json");
    let only = |content: &str| format!(r#"{{"appliance_files":{{"/etc/spp/join.json":{content}}}}}"#);
    let any = shrunk(&|session| file(session, "/etc/spp/join.json").is_some());
    assert_eq!(any.to_string(), only(&Value::text(&plain).to_string()));
    let same = |session: &Session| file(session, "/etc/spp/join.json").is_some_and(|text| text.contains("10.9.8.7"));
    let whole = services.get("appliance_files").unwrap().get("/etc/spp/join.json").unwrap().to_string();
    assert_eq!(shrunk(&same).to_string(), only(&whole));
}

#[test]
fn sessions_of_two_plugins_keep_the_contract_of_both_while_they_shrink() {
    let (aa, store) = (domain(PluginType::Aa), domain(PluginType::CredentialStore));
    for index in 0..200 {
        let session = nth_two_plugin_session(&aa, &store, PluginType::CredentialStore, 7, index);
        let mut shrinker = Shrinker::new(session);
        let mut tries = 0;
        while let Some(candidate) = shrinker.next_candidate() {
            tries += 1;
            assert_eq!(contract_violation_of_two(&candidate, &store, &aa), None, "{candidate:#?}");
            // Any condition that depends on the whole session would do.
            if digest(&candidate).is_multiple_of(3) {
                shrinker.accept(candidate);
            }
        }
        assert!(tries < TRIES_LIMIT, "{index}: {tries}");
    }
}

#[test]
fn a_session_of_which_everything_matters_ends_too() {
    let domain = domain(PluginType::CredentialStore);
    for index in 0..200 {
        let session = nth_session(&domain, 6, index);
        let mut shrinker = Shrinker::new(session.clone());
        let tries = std::iter::from_fn(|| shrinker.next_candidate()).count();
        assert!(tries <= TRIES_LIMIT);
        assert_eq!(*shrinker.session(), session);
    }
}
