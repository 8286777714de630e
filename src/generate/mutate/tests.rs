//! Properties of all mutations.

use std::collections::{HashMap, HashSet};

use super::{mutator::MutationKind, *};
use crate::{
    case::{Session, SetOption, Value},
    contract::{Hook, Platform, PluginType},
    generate::{Domain, OptionChoice, contract_violation, nominal_session, nth_session, outside_contract},
    trace::{OptionToken, PluginTokens},
};

fn domain(plugin_type: PluginType, platform: &str) -> Domain {
    let tokens = PluginTokens {
        strings: ["vp", "questions", "hvac_token", "key://", "://", "#"].map(str::to_owned).to_vec(),
        numbers: vec![17, 8200],
        options: vec![OptionToken { section: "a".into(), name: "port".into(), value: Some("8200".into()) }],
        ..PluginTokens::default()
    };
    Domain::new(plugin_type, Platform::named(platform).unwrap(), Hook::ALL.to_vec(), tokens)
}

fn options() -> Vec<OptionChoice> {
    let choice = |name: &str, values: &[&str]| OptionChoice {
        section: "auth".into(),
        name: name.into(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    vec![choice("prompt", &["Password:"]), choice("disable_echo", &["no", "yes"]), choice("limit", &["0", "1", "5"])]
}

fn services() -> Value {
    let list = r#"{"user_lists": {"users": {"allow": "no_user", "except": ["alice", "root"]}}}"#;
    serde_json::from_str(list).unwrap()
}

#[test]
fn thousands_of_mutated_sessions_keep_the_contract_differ_from_their_parents_and_show_every_kind_of_change() {
    let options = options();
    let mut kinds: HashMap<MutationKind, usize> = HashMap::new();
    for plugin_type in [PluginType::CredentialStore, PluginType::Aa] {
        for platform in ["5.10", "6.5", "9.0"] {
            let domain = domain(plugin_type, platform).with_foreign_cookies(true);
            let mut dictionary = Dictionary::new(&domain);
            dictionary.learn_value(&"learned".into());
            let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &options, services: true };
            let mut given_up = 0;
            for index in 0..300 {
                let mut parent = nth_session(&domain, 1, index);
                parent.services = services();
                let donor = nth_session(&domain, 2, index);
                if index % 5 == 0 {
                    parent.calls[0].arguments.truncate(2);
                }
                // Children of children, as a corpus has them.
                for step in 0..12 {
                    let seed = index * 100 + step;
                    let count = |kind| *kinds.entry(kind).or_default() += 1;
                    let Some(child) = mutator.mutate_observed(seed, &parent, Some(&donor), count) else {
                        given_up += 1;
                        continue;
                    };
                    assert_ne!(child, parent);
                    let bare = Session { cookie: Value::empty_dict(), ..child.clone() };
                    assert_eq!(outside_contract(&bare, &domain, None), None, "{child:#?}");
                    parent = child;
                }
            }
            assert!(given_up < 10, "{given_up} of 3600 could not be changed");
        }
    }
    let all = [
        MutationKind::Fresh,
        MutationKind::Nobody,
        MutationKind::Equal,
        MutationKind::Moved,
        MutationKind::Changed,
        MutationKind::Unknown,
        MutationKind::CallAdded,
        MutationKind::CallDropped,
        MutationKind::CallRepeated,
        MutationKind::CallsSwapped,
        MutationKind::CutOff,
        MutationKind::Answers,
        MutationKind::SessionCookie,
        MutationKind::Cookie,
        MutationKind::Services,
        MutationKind::Option,
        MutationKind::OptionDropped,
        MutationKind::Spliced,
    ];
    for kind in all {
        assert!(kinds.get(&kind).is_some_and(|count| *count > 20), "{kind:?} is rare: {kinds:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_session_and_another_one_another() {
    let domain = domain(PluginType::CredentialStore, "9.0");
    let dictionary = Dictionary::new(&domain);
    let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &[], services: false };
    let (parent, donor) = (nominal_session(&domain, 0), nth_session(&domain, 1, 1));
    let mut different = HashSet::new();
    for seed in 0..500 {
        let child = mutator.mutate(seed, &parent, Some(&donor));
        assert_eq!(child, mutator.mutate(seed, &parent, Some(&donor)));
        different.insert(format!("{child:?}"));
    }
    assert!(different.len() > 400, "{}", different.len());
}

#[test]
fn configuration_and_services_change_only_on_request() {
    let domain = domain(PluginType::Aa, "9.0");
    let dictionary = Dictionary::new(&domain);
    let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &[], services: false };
    let parent = Session { services: services(), ..nominal_session(&domain, 0) };
    let donor = nth_session(&domain, 1, 1);
    for seed in 0..2_000 {
        let child = mutator.mutate(seed, &parent, Some(&donor)).unwrap();
        assert!(child.options.is_empty() && child.services == parent.services);
    }
}

#[test]
fn services_have_the_policies_of_options_and_options_come_with_those_that_they_need() {
    let tokens = PluginTokens { services: vec!["sdk".into()], ..PluginTokens::default() };
    let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), tokens);
    let documented = "[vault]\n; password=<$-or-password>\n[whitelist source=user_list]\n; name=<name>\n\
        [whitelist source=ldap_server_group]\n; allow=no_user\n; except=<group-1>\n[ldap_server]\n; name=<name>\n\
        [credential_store]\n; name=<name>\n[question_1]\n; prompt=<prompt>\n; key=<key>\n";
    let options = crate::generate::option_choices(&crate::package::configuration::options(documented), &[]);
    let dictionary = Dictionary::new(&domain);
    let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &options, services: true };
    let mut parent = nominal_session(&domain, 0);
    let mut seen = HashSet::new();
    for seed in 0..3_000 {
        let Some(child) = mutator.mutate(seed, &parent, None) else { continue };
        let value = |section: &str, name: &str| {
            let is_it = |option: &&SetOption| option.section == section && option.name == name;
            child.options.iter().find(is_it).map(|option| option.value.clone())
        };
        let has =
            |service: &str, name: String| child.services.get(service).and_then(|content| content.get(&name)).is_some();
        if let Some(list) = value("whitelist source=user_list", "name") {
            assert!(has("user_lists", list), "{child:#?}");
            seen.insert("list");
        }
        if value("vault", "password").as_deref() == Some("$") {
            let store = value("credential_store", "name").expect("the store is named");
            let credential =
                child.services.get("credential_stores").and_then(|stores| stores.get(&store)?.get("password"));
            assert!(credential.is_some(), "{child:#?}");
            seen.insert("store");
        }
        if value("whitelist source=ldap_server_group", "allow").is_some() {
            assert!(has("ldap", value("ldap_server", "name").expect("the server is named")), "{child:#?}");
            seen.insert("directory");
        }
        parent = if seed % 7 == 0 { nominal_session(&domain, seed) } else { child };
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn a_foreign_cookie_is_rare_and_only_made_on_request() {
    let domain = domain(PluginType::CredentialStore, "9.0");
    let dictionary = Dictionary::new(&domain);
    let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &[], services: false };
    let parent = nominal_session(&domain, 0);
    let count = |mutator: &Mutator<'_>| {
        (0..2_000).filter(|seed| mutator.mutate(*seed, &parent, None).unwrap().has_foreign_cookie()).count()
    };
    assert_eq!(count(&mutator), 0);
    let allowed = domain.clone().with_foreign_cookies(true);
    let foreign = count(&Mutator { domain: &allowed, ..mutator });
    assert!((1..80).contains(&foreign), "{foreign}");
}

#[test]
fn a_session_without_calls_causes_no_panic() {
    let domain = domain(PluginType::Aa, "9.0");
    let dictionary = Dictionary::new(&domain);
    let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &options(), services: true };
    let empty = Session::new(Vec::new());
    for seed in 0..300 {
        if let Some(child) = mutator.mutate(seed, &empty, Some(&empty)) {
            assert_eq!(contract_violation(&child, &domain), None);
        }
    }
}
