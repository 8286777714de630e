//! How deep mutation and input-to-state replacement reach. The plugins are closures that log their comparisons, and the
//! loop does the least that an engine does. Each test bounds the number of sessions until a branch is reached.

use std::collections::HashSet;

use super::*;
use crate::{
    case::{Call, Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    generate::{Domain, contract_violation, nominal_session, nth_session, source::scatter},
    trace::{CmpKind, CmpLogEntry, PluginTokens},
};

/// The comparisons that a plugin made in one session.
#[derive(Default)]
struct CmpLog {
    comparisons: Vec<CmpLogEntry>,
}

impl CmpLog {
    fn log(&mut self, place: u32, kind: CmpKind, left: Value, right: Value, matched: bool) -> bool {
        self.comparisons.push(CmpLogEntry { place, kind, left, right, matched });
        matched
    }

    fn equal(&mut self, place: u32, left: impl Into<Value>, right: impl Into<Value>) -> bool {
        let (left, right) = (left.into(), right.into());
        let matched = left == right;
        self.log(place, CmpKind::Equal, left, right, matched)
    }

    fn starts(&mut self, place: u32, text: &str, prefix: &str) -> bool {
        self.log(place, CmpKind::Prefix, text.into(), prefix.into(), text.starts_with(prefix))
    }

    fn ends(&mut self, place: u32, text: &str, suffix: &str) -> bool {
        self.log(place, CmpKind::Suffix, text.into(), suffix.into(), text.ends_with(suffix))
    }

    fn matches(&mut self, place: u32, text: &str, pattern: &str) -> bool {
        let matched = regex::Regex::new(pattern).unwrap().is_match(text);
        self.log(place, CmpKind::Pattern, text.into(), pattern.into(), matched)
    }

    fn has(&mut self, place: u32, item: &str, list: &Value) -> bool {
        let Value::List(items) = list else { return false };
        self.log(place, CmpKind::Contains, item.into(), list.clone(), items.contains(&item.into()))
    }

    /// `dict.get(key)`
    fn get<'v>(&mut self, place: u32, dict: &'v Value, key: &str) -> Option<&'v Value> {
        let keys = dict.as_dict()?.iter().map(|(key, _)| key.as_str().into()).collect();
        let value = dict.get(key);
        self.log(place, CmpKind::Key, key.into(), Value::List(keys), value.is_some());
        value
    }
}

fn text(call: &Call, argument: Argument) -> &str {
    call.argument(argument).and_then(Value::as_str).unwrap_or_default()
}

/// How many sessions run until `plugin` returns true: the most of ten seeds.
fn sessions_until(plugin_type: PluginType, plugin: impl Fn(&Session, &mut CmpLog) -> bool) -> usize {
    (0..10).map(|seed| sessions_of_seed(plugin_type, seed, &plugin)).max().unwrap()
}

fn sessions_of_seed(plugin_type: PluginType, seed: u64, plugin: impl Fn(&Session, &mut CmpLog) -> bool) -> usize {
    let domain = Domain::new(plugin_type, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
    sessions_in(&domain, seed, plugin)
}

fn sessions_in(domain: &Domain, seed: u64, plugin: impl Fn(&Session, &mut CmpLog) -> bool) -> usize {
    const LIMIT: usize = 20_000;
    let mut dictionary = Dictionary::new(domain);
    let mut corpus: Vec<Session> = (0..4).map(|index| nth_session(domain, seed, index)).collect();
    let mut queue = corpus.clone();
    let mut seen: HashSet<(u32, bool)> = HashSet::new();
    for count in 1..=LIMIT {
        let session = queue.pop().unwrap_or_else(|| {
            let mutator = Mutator { domain, dictionary: &dictionary, options: &[], services: false };
            // The newest session is the parent as often as all others together.
            let parent = if count % 2 == 0 { corpus.len() - 1 } else { count / 2 % corpus.len() };
            let donor = &corpus[count % corpus.len()];
            mutator.mutate(scatter(seed) ^ count as u64, &corpus[parent], Some(donor)).unwrap()
        });
        let mut log = CmpLog::default();
        if plugin(&session, &mut log) {
            return count;
        }
        let mut is_new = false;
        for comparison in &log.comparisons {
            dictionary.learn(comparison);
            is_new |= seen.insert((comparison.place, comparison.matched));
        }
        if is_new {
            queue.extend(input_to_state(domain, &session, &log.comparisons).into_iter().rev());
            corpus.push(session);
        }
    }
    panic!("not reached in {LIMIT} sessions of seed {seed}");
}

#[test]
fn a_text_of_twenty_characters_is_reached_at_once() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let user = text(&session.calls[0], Argument::ServerUsername);
        log.equal(1, user, "breakglass-operator1")
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 20, "{count}");
}

#[test]
fn a_prefix_then_a_suffix_are_reached() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let user = text(&session.calls[0], Argument::GatewayUsername);
        log.starts(1, user, "svc-backup-") && log.ends(2, user, "@corp.example")
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 200, "{count}");
}

#[test]
fn three_nested_comparisons_on_different_arguments_are_reached() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let call = &session.calls[0];
        log.equal(1, text(call, Argument::ServerUsername), "breakglass-operator1")
            && log.equal(2, text(call, Argument::GatewayDomain), "vault.internal.example")
            && log.equal(3, call.argument(Argument::ServerPort).unwrap().clone(), 48221)
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 300, "{count}");
}

#[test]
fn a_key_deep_in_the_session_cookie_is_reached() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let Some(questions) = log.get(1, &session.session_cookie, "questions") else { return false };
        let Some(answer) = log.get(2, questions, "vault_path") else { return false };
        answer.as_str().is_some_and(|answer| log.starts(3, answer, "key://"))
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 500, "{count}");
}

#[test]
fn a_text_that_is_read_as_a_number_is_reached() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let pairs = session.calls[0].argument(Argument::KeyValuePairs).unwrap();
        let Some(ticket) = log.get(1, pairs, "ticket") else { return false };
        ticket.as_str().and_then(|text| text.parse::<i64>().ok()).is_some_and(|number| log.equal(2, number, 4711))
    };
    let count = sessions_until(PluginType::Aa, plugin);
    assert!(count <= 500, "{count}");
}

#[test]
fn a_length_is_reached() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let user = text(&session.calls[0], Argument::TargetUsername);
        log.equal(1, user.chars().count() as i64, 17)
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 100, "{count}");
}

#[test]
fn a_text_that_is_folded_first_is_reached() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let user = text(&session.calls[0], Argument::GatewayUser).trim().to_lowercase();
        log.equal(1, user, "domain admin")
    };
    let count = sessions_until(PluginType::Aa, plugin);
    assert!(count <= 100, "{count}");
}

#[test]
fn an_item_of_the_groups_is_reached() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let groups = session.calls[0].argument(Argument::GatewayGroups).unwrap();
        log.has(1, "CN=vault-breakglass,OU=Groups", groups)
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 100, "{count}");
}

#[test]
fn a_part_of_a_text_is_reached_though_no_comparison_shows_the_separator() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let mut parts = text(&session.calls[0], Argument::ServerUsername).split('@');
        parts.nth(1).is_some_and(|domain| log.equal(1, domain, "corp"))
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 2_000, "{count}");
}

#[test]
fn a_regular_expression_is_reached() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let user = text(&session.calls[0], Argument::GatewayUser);
        log.matches(1, user, r"^key://([a-z]+)#(\w+)$") && log.ends(2, user, "#password")
    };
    let count = sessions_until(PluginType::Aa, plugin);
    assert!(count <= 300, "{count}");
}

#[test]
fn two_arguments_that_are_compared_become_equal() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let call = &session.calls[0];
        let joined = format!("{}\\{}", text(call, Argument::GatewayDomain), text(call, Argument::GatewayUsername));
        log.equal(1, text(call, Argument::ServerUsername), joined.clone()) && log.equal(2, joined, "LAB\\operator")
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 500, "{count}");
}

#[test]
fn a_bound_is_reached_on_both_sides() {
    let plugin = |session: &Session, log: &mut CmpLog| {
        let Some(Value::Int(port)) = session.calls[0].argument(Argument::ServerPort) else { return false };
        let is_above = log.log(1, CmpKind::Order, (*port).into(), 51873.into(), *port > 51873);
        is_above && log.log(2, CmpKind::Order, (*port).into(), 51875.into(), *port < 51875)
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 50, "{count}");
}

#[test]
fn a_number_in_a_text_is_scaled_to_the_result_of_a_computation() {
    let domain =
        Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
    let mut session = nth_session(&domain, 1, 0);
    let user = |text: &str| Value::text(text);
    session_values::assign(&mut session, &domain, Argument::ServerUsername, &user("815@lab"));
    let compared = |left: i64, right: i64| CmpLogEntry {
        place: 1,
        kind: CmpKind::Order,
        left: left.into(),
        right: right.into(),
        matched: false,
    };
    let becomes = |comparison| -> Vec<Value> {
        let made = input_to_state(&domain, &session, &[comparison]);
        made.iter().filter_map(|made| session_values::value_of(made, Argument::ServerUsername).cloned()).collect()
    };
    assert!(becomes(compared(0, 80)).contains(&user("80815@lab")), "a quotient by 1000");
    assert!(becomes(compared(15, 7)).contains(&user("807@lab")), "a rest by 100");
    assert!(becomes(compared(3, 5)).contains(&user("81581@lab")), "the length of a part");
}

#[test]
fn an_argument_that_no_hook_takes_changes_rarely_and_is_tried_last() {
    let all = Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
    let domain = Hook::ALL.iter().fold(all.clone(), |domain, hook| domain.taking(*hook, [Argument::GatewayUsername]));
    let dictionary = Dictionary::new(&domain);
    let parent = nth_session(&domain, 3, 0);
    assert_eq!(parent, nth_session(&all, 3, 0), "generated sessions stay the same");
    let changed = |domain: &Domain| {
        let mutator = Mutator { domain, dictionary: &dictionary, options: &[], services: false };
        let children = (0..1000).filter_map(|seed| mutator.mutate(seed, &parent, None));
        let user = Argument::GatewayUsername;
        children
            .filter(|child| session_values::value_of(child, user) != session_values::value_of(&parent, user))
            .count()
    };
    let (of_all, of_taken) = (changed(&all), changed(&domain));
    assert!(of_taken > 600 && of_taken > 4 * of_all, "{of_taken} of 1000, else {of_all}");

    // One text is in two arguments, and each hook takes only one of them.
    let names = [Argument::GatewayUsername, Argument::ServerUsername];
    let session = (0..1000).map(|index| nominal_session(&all, index)).find(|session| {
        let [one, other] = names.map(|name| session_values::value_of(session, name));
        one == other && one.is_some_and(|value| value.as_str().is_some())
    });
    let session = session.expect("both users are the same often");
    let left = session_values::value_of(&session, names[0]).expect("the session was picked for it").clone();
    let (kind, right) = (CmpKind::Equal, "breakglass-operator1".into());
    let compared = [CmpLogEntry { place: 7, kind, left, right, matched: false }];
    for name in names {
        let domain = Hook::ALL.iter().fold(all.clone(), |domain, hook| domain.taking(*hook, [name]));
        let first = &input_to_state(&domain, &session, &compared)[0];
        let changed =
            names.map(|name| session_values::value_of(first, name) != session_values::value_of(&session, name));
        assert_eq!(changed, names.map(|other| other == name), "{name:?}");
    }
}

#[test]
fn input_to_state_is_bounded_makes_each_session_once_and_keeps_the_contract() {
    for plugin_type in [PluginType::CredentialStore, PluginType::Aa] {
        let domain = Domain::new(plugin_type, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
        for index in 0..40 {
            let session = nth_session(&domain, 5, index);
            let other = nth_session(&domain, 6, index);
            let operands: Vec<Value> = session.calls[0].arguments.iter().map(|(_, value)| value.clone()).collect();
            let wanted: Vec<Value> = other.calls[0].arguments.iter().map(|(_, value)| value.clone()).collect();
            let comparisons: Vec<CmpLogEntry> = CmpKind::ALL
                .iter()
                .flat_map(|kind| {
                    operands.iter().zip(&wanted).map(move |(left, right)| CmpLogEntry {
                        place: 0,
                        kind: *kind,
                        left: left.clone(),
                        right: right.clone(),
                        matched: false,
                    })
                })
                .collect();
            let made = input_to_state(&domain, &session, &comparisons);
            assert!(!made.is_empty() && made.len() <= 512);
            for (place, one) in made.iter().enumerate() {
                assert_eq!(contract_violation(one, &domain), None, "{one:#?}");
                assert!(*one != session && !made[..place].contains(one));
            }
            assert_eq!(made, input_to_state(&domain, &session, &comparisons));
        }
    }
}
