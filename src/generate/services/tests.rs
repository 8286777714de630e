//! Properties of the services of all generated sessions.

use std::collections::HashSet;

use arbitrary::Unstructured;

use super::{fill::Participants, *};
use crate::{
    case::{Session, SetOption, Value, check_services},
    contract::{Hook, Platform, PluginType},
    generate::{
        Domain, contract_violation, nominal_session, nth_session, nth_two_plugin_session, source::DomainSource,
    },
    trace::{OptionToken, PluginTokens},
};

fn option(section: &str, name: &str, value: &str) -> OptionToken {
    OptionToken { section: section.into(), name: name.into(), value: Some(value.into()) }
}

fn domain(plugin_type: PluginType, services: &[&str]) -> Domain {
    let options = vec![
        option("credential_store", "name", "local"),
        option("vault", "password", "$"),
        option("tls", "client_cert", "$"),
        option("tls", "ca_cert", "$[corp]"),
        option("whitelist source=user_list", "name", "exempt"),
        option("ldap_server", "name", "ad"),
        option("usermapping source=ldap_server", "user_attribute", "mail"),
        option("whitelist source=ldap_server_group", "except", "dba,wheel"),
        option("authentication_cache", "reuse_limit", "1"),
    ];
    let services = services.iter().map(|&service| service.to_owned()).collect();
    let tokens = PluginTokens { options, services, ..PluginTokens::default() };
    Domain::new(plugin_type, Platform::newest(), Hook::ALL.to_vec(), tokens)
}

const ALL: &[&str] = &["sdk", "memory_cache", "credential_stores", "ldap", "user_lists"];

#[test]
fn every_session_has_the_policies_that_the_configuration_names_in_a_valid_form() {
    for plugin_type in [PluginType::Aa, PluginType::CredentialStore] {
        let domain = domain(plugin_type, ALL);
        for index in 0..3_000 {
            let session = nth_session(&domain, 1, index);
            assert_eq!(check_services(&session.services), Ok(()), "{:#?}", session.services);
            assert_eq!(contract_violation(&session, &domain), None);
            let policy = |service: &str, name: &str| session.services.get(service)?.get(name);
            for (service, name) in
                [("user_lists", "exempt"), ("ldap", "ad"), ("credential_stores", "local"), ("trusted_ca_lists", "corp")]
            {
                assert!(policy(service, name).is_some(), "{service}: {:#?}", session.services);
            }
            let store = policy("credential_stores", "local").unwrap();
            assert!(
                matches!(store.get("password").unwrap().get("vault"), Some(Value::List(found)) if !found.is_empty())
            );
        }
    }
}

#[test]
fn the_services_know_the_sessions_users_in_some_sessions_and_not_in_others() {
    let domain = domain(PluginType::Aa, ALL);
    let mut seen = HashSet::new();
    for index in 0..600 {
        let session = nth_session(&domain, 2, index);
        let participants = Participants::of(&session);
        let Some(user) = participants.users.first() else { continue };
        let services = &session.services;
        let list = services.get("user_lists").unwrap().get("exempt").unwrap();
        let is_listed = matches!(list.get("except"), Some(Value::List(users)) if users.contains(&user.as_str().into()));
        seen.insert(format!("listed {is_listed}, {}", list.get("allow").unwrap()));
        let server = services.get("ldap").unwrap().get("ad").unwrap();
        seen.insert(match server.get("users").map(|users| users.get(user)) {
            None => "down".into(),
            Some(None) => "nobody".into(),
            Some(Some(attributes)) => match attributes.get("mail") {
                None => "no attribute".into(),
                Some(Value::List(values)) => format!("{} values", values.len()),
                Some(_) => "one value".into(),
            },
        });
        if let Some(groups) = server.get("groups") {
            let is_in = matches!(groups.get("dba"), Some(Value::List(users)) if !users.is_empty());
            seen.insert(format!("member {is_in}"));
        }
        if services.get("state").is_some() {
            seen.insert("authenticated before".into());
        }
    }
    for what in [
        "listed true, \"no_user\"",
        "listed false, \"no_user\"",
        "listed true, \"all_users\"",
        "listed false, \"all_users\"",
        "down",
        "nobody",
        "no attribute",
        "0 values",
        "2 values",
        "one value",
        "member true",
        "member false",
        "authenticated before",
    ] {
        assert!(seen.contains(what), "{what} never turned up in {seen:?}");
    }
}

#[test]
fn the_store_has_the_password_of_the_sessions_account_if_the_code_looks_it_up() {
    let domain = domain(PluginType::CredentialStore, ALL);
    let has = |index: &u64| {
        let session = nominal_session(&domain, *index);
        let participants = Participants::of(&session);
        let store = session.services.get("credential_stores").unwrap().get("local").unwrap().clone();
        store.get(&participants.accounts[0]).is_some_and(|hosts| hosts.get(&participants.hosts[0]).is_some())
    };
    let count = (0..32).filter(has).count();
    assert!((16..32).contains(&count), "{count}");
}

#[test]
fn services_change_no_call() {
    let (with, without) = (domain(PluginType::Aa, ALL), domain(PluginType::Aa, &[]));
    for index in 0..200 {
        let session = nth_session(&without, 1, index);
        assert_eq!(session.services, Value::empty_dict());
        assert_eq!(session.calls, nth_session(&with, 1, index).calls);
    }
}

#[test]
fn options_that_a_session_sets_name_services_too() {
    let tokens = PluginTokens { services: vec!["sdk".into()], ..PluginTokens::default() };
    let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), tokens);
    let mut session = nth_session(&domain, 1, 1);
    let services = |session: &Session| {
        let mut bytes = Unstructured::new(&[7; 64]);
        of_session(&mut DomainSource::new(&mut bytes, &domain), session, None)
    };
    assert_eq!(services(&session), Value::empty_dict());
    let set = |section: &str, name: &str, value: &str| SetOption {
        section: section.into(),
        name: name.into(),
        value: value.into(),
    };
    session.options = vec![set("credential_store", "name", "x"), set("a", "b", "$")];
    let found = services(&session);
    assert!(found.get("credential_stores").unwrap().get("x").unwrap().get("b").unwrap().get("a").is_some());
}

#[test]
fn both_plugins_of_a_session_have_their_services() {
    let aa = domain(PluginType::Aa, &["sdk"]);
    let tokens = PluginTokens {
        options: vec![option("user_list", "name", "own")],
        services: vec!["sdk".into()],
        ..PluginTokens::default()
    };
    let store = Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), tokens);
    let session = nth_two_plugin_session(&aa, &store, PluginType::CredentialStore, 1, 1);
    let lists = session.services.get("user_lists").unwrap();
    assert!(lists.get("own").is_some() && lists.get("exempt").is_some());
}

#[test]
fn a_configuration_gets_the_policies_that_loading_needs() {
    let text = "[credential_store]\nname = local\n[https_proxy]\nserver = p\npassword = $\n; token = $\n";
    let found = configured_services(text);
    let store = found.get("credential_stores").unwrap().get("local").unwrap();
    assert_eq!(store.as_dict().unwrap().len(), 1);
    assert!(store.get("password").unwrap().get("https_proxy").is_some());
    assert_eq!(services_of_plugin("[a]\nb = c\n", &[]), Value::empty_dict());
}

#[test]
fn what_the_code_reads_of_the_appliance_is_there_in_nominal_sessions_and_sometimes_absent_in_others() {
    let uses = ["sdk", "/etc/spp", "/usr/share/zorp", "gateway_fqdn", "starling_join_credential_string", "http_proxy"];
    let domain = domain(PluginType::Aa, &uses);
    let part = |session: &Session, service: &str, key: &str| session.services.get(service)?.get(key).cloned();
    let parts = [
        ("appliance_files", "/etc/spp/join.json"),
        ("appliance_files", "/etc/spp/cluster_members.json"),
        ("appliance_files", "/usr/share/zorp/dictionary"),
        ("box_configuration", "gateway_fqdn"),
        ("box_configuration", "starling_join_credential_string"),
    ];
    for index in 0..32 {
        let session = nominal_session(&domain, index);
        assert_eq!(check_services(&session.services), Ok(()));
        assert!(parts.iter().all(|(service, key)| part(&session, service, key).is_some()), "{session:#?}");
        assert_eq!(part(&session, "box_configuration", "http_proxy"), None);
    }
    let sessions: Vec<Session> = (0..800).map(|index| nth_session(&domain, 3, index)).collect();
    for (service, key) in parts.into_iter().chain([("box_configuration", "http_proxy")]) {
        let contents: Vec<_> = sessions.iter().map(|session| part(session, service, key)).collect();
        let absent = contents.iter().filter(|content| content.is_none()).count();
        let different: HashSet<String> = contents.into_iter().flatten().map(|content| content.to_string()).collect();
        assert!((16..784).contains(&absent) && different.len() > 1, "{key}: {absent}, {}", different.len());
    }
    for session in &sessions {
        assert_eq!(contract_violation(session, &domain), None);
        // A node is joined, or it is not. Its own address is none of the others.
        let files = parts[..2].iter().map(|(service, key)| part(session, service, key)).collect::<Vec<_>>();
        let [Some(join), Some(members)] = &files[..] else {
            assert_eq!(files, [None, None]);
            continue;
        };
        let read = |text: &Value| serde_json::from_str::<serde_json::Value>(text.as_str().unwrap()).unwrap();
        let (join, members) = (read(join), read(members));
        let members: Vec<_> = members.as_array().unwrap().iter().map(|member| &member["Ipv4Address"]).collect();
        assert!(members.contains(&&join["spp_primary_ip"]) && !members.contains(&&join["sps_cluster_interface_ip"]));
    }
}

#[test]
fn a_plugin_without_the_sdk_has_the_files_that_its_code_names_and_no_box_configuration() {
    let services = ["/etc/spp", "gateway_fqdn"].map(str::to_owned).to_vec();
    let tokens = PluginTokens { services, ..PluginTokens::default() };
    let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), tokens);
    let services = nominal_session(&domain, 0).services;
    let keys: Vec<_> = services.as_dict().unwrap().iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["appliance_files"]);
    assert_eq!(services.get("appliance_files").unwrap().as_dict().unwrap().len(), 5);
}

#[test]
fn a_plugin_is_loaded_with_everything_of_the_appliance_and_run_with_what_its_code_names() {
    let loading = configured_services("");
    assert_eq!(check_services(&loading), Ok(()));
    let files = loading.get("appliance_files").unwrap();
    for (path, text) in files.as_dict().unwrap() {
        assert_eq!(text.as_str(), Some(plain_file(path).as_str()));
    }
    assert_eq!(files.as_dict().unwrap().len(), 6);
    assert_eq!(services_of_plugin("", &[]), Value::empty_dict());
    let named = services_of_plugin("", &["/usr/share/zorp".into(), "gateway_fqdn".into()]);
    assert!(named.get("appliance_files").unwrap().get("/usr/share/zorp/dictionary").is_some());
    assert!(named.get("box_configuration").unwrap().get("gateway_fqdn").is_some());
}
