//! The same bytes give the same sessions, manifests, archives and plugins in every later version: a recorded seed must
//! find the same defect again.
//!
//! If a hash differs, the order or the number of draws, or what is drawn from, has changed. Restore it, or say in the
//! changelog that old seeds give other sessions.

use arbitrary::Unstructured;

use super::{expect::ExpectedFinding, *};
use crate::{
    case::{Case, Session},
    contract::{Hook, Platform, PluginType},
    trace::{CmpKind, CmpLogEntry, OptionToken, PluginTokens},
};

const SEED: u64 = 11;

/// FNV-1a: the standard library's hashers may change with a release of Rust.
#[derive(Debug)]
struct Digest(u64);

impl Digest {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn session(&mut self, domain: &Domain, session: &Session) {
        let (plugin_type, platform) = (domain.plugin_type, domain.platform);
        let session = session.clone();
        let case = Case { plugin_type, platform, configuration: None, session, earlier: Vec::new(), found: None };
        self.add(case.to_json().as_bytes());
    }

    fn findings(&mut self, expected: &[ExpectedFinding]) {
        for ExpectedFinding { rule, severity, hook, place, word } in expected {
            // A message has other words now; the hashes have those of that version.
            let word = word.replace("appears twice", "stands twice");
            self.add(rule.id().as_bytes());
            self.add(
                format!("{:?} {:?} {place:?} {word}", severity.map(|it| it.to_string()), hook.map(Hook::name))
                    .as_bytes(),
            );
        }
    }

    fn expect(&mut self, expect: &ExpectedFindings) {
        self.findings(&expect.findings);
        expect.may.iter().for_each(|rule| self.add(rule.id().as_bytes()));
    }
}

fn domain(plugin_type: PluginType, platform: &str) -> Domain {
    let option = |section: &str, name: &str, value: &str| OptionToken {
        section: section.into(),
        name: name.into(),
        value: Some(value.into()),
    };
    let tokens = PluginTokens {
        strings: ["vp", "questions", "(\\w+)://(.*)", "srv1.example.com", "hvac_token"].map(str::to_owned).to_vec(),
        numbers: vec![8200, -1, 17],
        options: vec![
            option("pins", "bob", "tin-saddle, 10.0.0.1"),
            option("credential_store", "name", "local"),
            option("vault", "password", "$"),
            option("whitelist source=user_list", "name", "exempt"),
            option("ldap_server", "name", "ad"),
            option("authentication_cache", "reuse_limit", "1"),
        ],
        services: ["sdk", "memory_cache", "credential_stores", "ldap", "user_lists"].map(str::to_owned).to_vec(),
        ..PluginTokens::default()
    };
    Domain::new(plugin_type, Platform::named(platform).unwrap(), Hook::ALL.to_vec(), tokens)
}

const TYPES: [PluginType; 2] = [PluginType::CredentialStore, PluginType::Aa];

#[track_caller]
fn is(digest: &Digest, recorded: u64) {
    assert_eq!(digest.0, recorded, "the same bytes give something else: {:#018x}", digest.0);
}

#[test]
fn sessions_stay_the_same() {
    let kinds = TYPES.into_iter().flat_map(|kind| ["5.10", "6.5", "9.0"].map(|platform| (kind, platform)));
    let digests = kinds.map(|(plugin_type, platform)| {
        let domain = domain(plugin_type, platform);
        let mut digest = Digest::new();
        (0..500).for_each(|index| digest.session(&domain, &nth_session(&domain, SEED, index)));
        (0..64).for_each(|index| digest.session(&domain, &nominal_session(&domain, index)));
        format!("{:#018x}", digest.0)
    });
    let recorded = [
        "0x88f7af06393ffe1c",
        "0x43c7261b2e28ee9a",
        "0x903a9b65aa79be8d",
        "0x3fb65f985fac91e3",
        "0xfd88761c48d4fe2c",
        "0x0d691ce8f79f556c",
    ];
    assert_eq!(digests.collect::<Vec<_>>(), recorded);
}

#[test]
fn sessions_of_two_plugins_stay_the_same() {
    let (aa, store) = (domain(PluginType::Aa, "9.0"), domain(PluginType::CredentialStore, "9.0"));
    let mut digest = Digest::new();
    for tested in TYPES {
        let own = if tested == PluginType::Aa { &aa } else { &store };
        for index in 0..500 {
            digest.session(own, &nth_two_plugin_session(&aa, &store, tested, SEED, index));
        }
        for index in 0..32 {
            digest.session(own, &nominal_two_plugin_session(&aa, &store, tested, index));
        }
    }
    is(&digest, 0x923f_9c7d_d6b9_e0b4);
}

#[test]
fn services_of_a_configuration_stay_the_same() {
    let text = "[credential_store]\nname = local\n[https_proxy]\nserver = p\npassword = $\nclient_cert = $\n";
    let mut digest = Digest::new();
    digest.add(services_of_plugin(text, &[]).to_string().as_bytes());
    let domain = domain(PluginType::Aa, "9.0");
    for index in 0..100 {
        let bytes = nth_bytes(SEED, index, 256);
        let session = nominal_session(&domain, index);
        let mut bytes = Unstructured::new(&bytes);
        let mut source = source::DomainSource::new(&mut bytes, &domain);
        digest.add(services::of_session(&mut source, &session, None).to_string().as_bytes());
    }
    is(&digest, 0x536b_5734_6796_18e8);
}

#[test]
fn what_is_read_of_the_appliance_stays_the_same() {
    let uses = ["sdk", "/etc/spp", "/usr/share/zorp", "gateway_fqdn", "starling_join_credential_string", "http_proxy"];
    let tokens = PluginTokens { services: uses.map(str::to_owned).to_vec(), ..PluginTokens::default() };
    let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), tokens);
    let mut digest = Digest::new();
    (0..300).for_each(|index| digest.session(&domain, &nth_session(&domain, SEED, index)));
    digest.add(configured_services("").to_string().as_bytes());
    is(&digest, 0x04d4_9c9d_0873_de6f);
}

#[test]
fn manifests_stay_the_same() {
    let mut digest = Digest::new();
    for index in 0..600 {
        let bytes = nth_bytes(SEED, index, manifest::MANIFEST_BYTES);
        let made = manifest::manifest(&mut Unstructured::new(&bytes));
        digest.add(&made.bytes);
        digest.add(made.platform.name.as_bytes());
        digest.expect(&made.expect);
        for manifest::GeneratedField { name, type_name, text } in made.fields.iter().flatten() {
            digest.add(format!("{name} {type_name} {text:?}").as_bytes());
        }
    }
    is(&digest, 0x6c8d_9f2f_9fa5_2734);
}

#[test]
fn archives_and_plugins_stay_the_same() {
    let mut digest = Digest::new();
    for index in 0..200 {
        let bytes = nth_bytes(SEED, index, package::PACKAGE_BYTES);
        let made = package::package(&mut Unstructured::new(&bytes));
        made.files.iter().for_each(|(name, content)| {
            digest.add(name.as_bytes());
            digest.add(content);
        });
        made.archive.iter().for_each(|archive| digest.add(&archive.bytes));
        digest.expect(&made.expect);
        digest.add(format!("{:?} {} {}", made.is_runnable, made.is_known, made.is_whole).as_bytes());
        for hook in &made.plugin.hooks {
            digest.add(format!("{} {:?} {:?}", hook.hook, hook.changes, hook.prints).as_bytes());
            digest.findings(&hook.expected);
        }
    }
    is(&digest, 0xde9b_2e95_0f22_2e53);
}

#[test]
fn mutated_and_shrunk_sessions_stay_the_same() {
    let options = option_choices(
        &crate::package::configuration::options("[auth]\n; prompt=Password:\n; limit=3\n[question_1]\n; key=<key>\n"),
        &[],
    );
    let mut digest = Digest::new();
    for plugin_type in TYPES {
        let domain = domain(plugin_type, "9.0");
        let mut dictionary = Dictionary::new(&domain);
        dictionary.learn_value(&"learned".into());
        let mut parent = nth_session(&domain, SEED, 0);
        for index in 0..400 {
            let donor = nth_session(&domain, SEED + 1, index);
            let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &options, services: true };
            if let Some(child) = mutator.mutate(index, &parent, Some(&donor)) {
                digest.session(&domain, &child);
                parent = if index % 7 == 0 { nth_session(&domain, SEED, index) } else { child };
            }
            let (left, right) = (parent.calls[0].arguments[2].1.clone(), donor.calls[0].arguments[2].1.clone());
            dictionary.learn(&CmpLogEntry { place: index as u32, kind: CmpKind::Equal, left, right, matched: false });
        }
        for index in 0..12 {
            let (session, other) = (nth_session(&domain, SEED, index), nth_session(&domain, SEED + 1, index));
            let arguments = |session: &Session| session.calls[0].arguments.clone();
            let compared: Vec<CmpLogEntry> =
                CmpKind::ALL
                    .iter()
                    .flat_map(|kind| {
                        arguments(&session).into_iter().zip(arguments(&other)).map(|((_, left), (_, right))| {
                            CmpLogEntry { place: 0, kind: *kind, left, right, matched: false }
                        })
                    })
                    .collect();
            input_to_state(&domain, &session, &compared).iter().for_each(|made| digest.session(&domain, made));
        }
        for index in 0..30 {
            let mut shrinker = Shrinker::new(nth_session(&domain, SEED, index));
            let mut number = 0_u32;
            while let Some(candidate) = shrinker.next_candidate() {
                digest.session(&domain, &candidate);
                number += 1;
                if number.is_multiple_of(3) {
                    shrinker.accept(candidate);
                }
            }
        }
        let all = SecretPlaces { options: &[], is_secret_answer: &|_, _| true, has_one_time_password: true };
        (0..30).filter_map(|index| replace_secrets(&nth_session(&domain, SEED, index), all)).for_each(|other| {
            digest.session(&domain, &other);
        });
    }
    is(&digest, 0xdc0d_d175_f65a_a240);
}
