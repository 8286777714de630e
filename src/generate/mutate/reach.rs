//! How deep mutation and substitution reach: plugins made of closures that tell what they compare, and a loop that does no
//! more than any engine does. A branch that waits for something falls within so many sessions.

use std::collections::HashSet;

use super::*;
use crate::{
    case::{Call, Value},
    contract::{Argument, Platform, PluginType},
    generate::{nominal_session, nth_session},
    trace::{CmpKind, CmpLogEntry, PluginTokens},
};

/// What a plugin compared in one session.
#[derive(Default)]
struct Instrumentation {
    comparisons: Vec<CmpLogEntry>,
}

impl Instrumentation {
    fn tell(&mut self, place: u32, kind: CmpKind, left: Value, right: Value, matched: bool) -> bool {
        self.comparisons.push(CmpLogEntry { place, kind, left, right, matched });
        matched
    }

    fn equal(&mut self, place: u32, left: impl Into<Value>, right: impl Into<Value>) -> bool {
        let (left, right) = (left.into(), right.into());
        let matched = left == right;
        self.tell(place, CmpKind::Equal, left, right, matched)
    }

    fn starts(&mut self, place: u32, text: &str, prefix: &str) -> bool {
        self.tell(place, CmpKind::Prefix, text.into(), prefix.into(), text.starts_with(prefix))
    }

    fn ends(&mut self, place: u32, text: &str, suffix: &str) -> bool {
        self.tell(place, CmpKind::Suffix, text.into(), suffix.into(), text.ends_with(suffix))
    }

    fn matches(&mut self, place: u32, text: &str, pattern: &str) -> bool {
        let matched = regex::Regex::new(pattern).unwrap().is_match(text);
        self.tell(place, CmpKind::Pattern, text.into(), pattern.into(), matched)
    }

    fn has(&mut self, place: u32, item: &str, list: &Value) -> bool {
        let Value::List(items) = list else { return false };
        self.tell(place, CmpKind::Contains, item.into(), list.clone(), items.contains(&item.into()))
    }

    /// `dict.get(key)`
    fn get<'v>(&mut self, place: u32, dict: &'v Value, key: &str) -> Option<&'v Value> {
        let keys = dict.as_dict()?.iter().map(|(key, _)| key.as_str().into()).collect();
        let value = dict.get(key);
        self.tell(place, CmpKind::Key, key.into(), Value::List(keys), value.is_some());
        value
    }
}

fn text(call: &Call, argument: Argument) -> &str {
    call.argument(argument).and_then(Value::as_str).unwrap_or_default()
}

/// How many sessions of `plugin` run until it is at its end, at most: the worst of ten seeds.
fn sessions_until(plugin_type: PluginType, plugin: impl Fn(&Session, &mut Instrumentation) -> bool) -> usize {
    (0..10).map(|seed| sessions_of_seed(plugin_type, seed, &plugin)).max().unwrap()
}

fn sessions_of_seed(
    plugin_type: PluginType,
    seed: u64,
    plugin: impl Fn(&Session, &mut Instrumentation) -> bool,
) -> usize {
    let domain = Domain::new(plugin_type, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
    sessions_in(&domain, seed, plugin)
}

fn sessions_in(domain: &Domain, seed: u64, plugin: impl Fn(&Session, &mut Instrumentation) -> bool) -> usize {
    const LIMIT: usize = 20_000;
    let mut dictionary = Dictionary::new(domain);
    let mut corpus: Vec<Session> = (0..4).map(|index| nth_session(domain, seed, index)).collect();
    let mut queue = corpus.clone();
    let mut seen: HashSet<(u32, bool)> = HashSet::new();
    for count in 1..=LIMIT {
        let session = queue.pop().unwrap_or_else(|| {
            let mutator = Mutator { domain, dictionary: &dictionary, options: &[], services: false };
            // The newest is as likely as all others.
            let parent = if count % 2 == 0 { corpus.len() - 1 } else { count / 2 % corpus.len() };
            let donor = &corpus[count % corpus.len()];
            mutator.mutate(scatter(seed) ^ count as u64, &corpus[parent], Some(donor)).unwrap()
        });
        let mut watch = Instrumentation::default();
        if plugin(&session, &mut watch) {
            return count;
        }
        let mut is_new = false;
        for comparison in &watch.comparisons {
            dictionary.learn(comparison);
            is_new |= seen.insert((comparison.place, comparison.matched));
        }
        if is_new {
            queue.extend(substitutions(domain, &session, &watch.comparisons).into_iter().rev());
            corpus.push(session);
        }
    }
    panic!("not reached in {LIMIT} sessions of seed {seed}");
}

#[test]
fn a_text_of_twenty_characters_falls_at_once() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let user = text(&session.calls[0], Argument::ServerUsername);
        watch.equal(1, user, "breakglass-operator1")
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 20, "{count}");
}

#[test]
fn a_prefix_then_a_suffix_fall() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let user = text(&session.calls[0], Argument::GatewayUsername);
        watch.starts(1, user, "svc-backup-") && watch.ends(2, user, "@corp.example")
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 200, "{count}");
}

#[test]
fn three_nested_comparisons_on_different_arguments_fall() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let call = &session.calls[0];
        watch.equal(1, text(call, Argument::ServerUsername), "breakglass-operator1")
            && watch.equal(2, text(call, Argument::GatewayDomain), "vault.internal.example")
            && watch.equal(3, call.argument(Argument::ServerPort).unwrap().clone(), 48221)
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 300, "{count}");
}

#[test]
fn a_key_deep_in_the_session_cookie_falls() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let Some(questions) = watch.get(1, &session.session_cookie, "questions") else { return false };
        let Some(answer) = watch.get(2, questions, "vault_path") else { return false };
        answer.as_str().is_some_and(|answer| watch.starts(3, answer, "key://"))
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 500, "{count}");
}

#[test]
fn text_that_is_read_as_a_number_falls() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let pairs = session.calls[0].argument(Argument::KeyValuePairs).unwrap();
        let Some(ticket) = watch.get(1, pairs, "ticket") else { return false };
        ticket.as_str().and_then(|text| text.parse::<i64>().ok()).is_some_and(|number| watch.equal(2, number, 4711))
    };
    let count = sessions_until(PluginType::Aa, plugin);
    assert!(count <= 500, "{count}");
}

#[test]
fn a_length_falls() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let user = text(&session.calls[0], Argument::TargetUsername);
        watch.equal(1, user.chars().count() as i64, 17)
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 100, "{count}");
}

#[test]
fn a_text_that_is_folded_first_falls() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let user = text(&session.calls[0], Argument::GatewayUser).trim().to_lowercase();
        watch.equal(1, user, "domain admin")
    };
    let count = sessions_until(PluginType::Aa, plugin);
    assert!(count <= 100, "{count}");
}

#[test]
fn an_item_of_the_groups_falls() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let groups = session.calls[0].argument(Argument::GatewayGroups).unwrap();
        watch.has(1, "CN=vault-breakglass,OU=Groups", groups)
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 100, "{count}");
}

#[test]
fn a_part_of_a_text_falls_though_nothing_tells_where_it_is_split() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let mut parts = text(&session.calls[0], Argument::ServerUsername).split('@');
        parts.nth(1).is_some_and(|domain| watch.equal(1, domain, "corp"))
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 2_000, "{count}");
}

#[test]
fn an_expression_falls() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let user = text(&session.calls[0], Argument::GatewayUser);
        watch.matches(1, user, r"^key://([a-z]+)#(\w+)$") && watch.ends(2, user, "#password")
    };
    let count = sessions_until(PluginType::Aa, plugin);
    assert!(count <= 300, "{count}");
}

#[test]
fn two_arguments_that_are_compared_become_equal() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let call = &session.calls[0];
        let joined = format!("{}\\{}", text(call, Argument::GatewayDomain), text(call, Argument::GatewayUsername));
        watch.equal(1, text(call, Argument::ServerUsername), joined.clone()) && watch.equal(2, joined, "LAB\\operator")
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 500, "{count}");
}

#[test]
fn a_bound_falls_on_both_sides() {
    let plugin = |session: &Session, watch: &mut Instrumentation| {
        let Some(Value::Int(port)) = session.calls[0].argument(Argument::ServerPort) else { return false };
        let is_above = watch.tell(1, CmpKind::Order, (*port).into(), 51873.into(), *port > 51873);
        is_above && watch.tell(2, CmpKind::Order, (*port).into(), 51875.into(), *port < 51875)
    };
    let count = sessions_until(PluginType::CredentialStore, plugin);
    assert!(count <= 50, "{count}");
}

#[test]
fn a_number_in_a_text_is_scaled_to_what_is_computed_from_it() {
    let domain =
        Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
    let mut session = nth_session(&domain, 1, 0);
    let user = |text: &str| Value::text(text);
    place::tell(&mut session, &domain, Argument::ServerUsername, &user("815@lab"));
    let compared = |left: i64, right: i64| CmpLogEntry {
        place: 1,
        kind: CmpKind::Order,
        left: left.into(),
        right: right.into(),
        matched: false,
    };
    let becomes = |comparison| -> Vec<Value> {
        let made = substitutions(&domain, &session, &[comparison]);
        made.iter().filter_map(|made| place::told(made, Argument::ServerUsername).cloned()).collect()
    };
    assert!(becomes(compared(0, 80)).contains(&user("80815@lab")), "a quotient by 1000");
    assert!(becomes(compared(15, 7)).contains(&user("807@lab")), "a rest by 100");
    assert!(becomes(compared(3, 5)).contains(&user("81581@lab")), "the length of a part");
}

#[test]
fn what_no_hook_takes_is_seldom_changed_and_tried_last() {
    let all = Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
    let domain = Hook::ALL.iter().fold(all.clone(), |domain, hook| domain.taking(*hook, [Argument::GatewayUsername]));
    let dictionary = Dictionary::new(&domain);
    let parent = nth_session(&domain, 3, 0);
    assert_eq!(parent, nth_session(&all, 3, 0), "what is generated stays");
    let changed = |domain: &Domain| {
        let mutator = Mutator { domain, dictionary: &dictionary, options: &[], services: false };
        let children = (0..1000).filter_map(|seed| mutator.mutate(seed, &parent, None));
        let user = Argument::GatewayUsername;
        children.filter(|child| place::told(child, user) != place::told(&parent, user)).count()
    };
    let (of_all, of_taken) = (changed(&all), changed(&domain));
    assert!(of_taken > 600 && of_taken > 4 * of_all, "{of_taken} of 1000, else {of_all}");

    // One text stands in two arguments, and each hook takes only the one or only the other.
    let names = [Argument::GatewayUsername, Argument::ServerUsername];
    let session = (0..1000).map(|index| nominal_session(&all, index)).find(|session| {
        let [one, other] = names.map(|name| place::told(session, name));
        one == other && one.is_some_and(|value| value.as_str().is_some())
    });
    let session = session.expect("both users are the same often");
    let left = place::told(&session, names[0]).expect("it was looked for").clone();
    let (kind, right) = (CmpKind::Equal, "breakglass-operator1".into());
    let compared = [CmpLogEntry { place: 7, kind, left, right, matched: false }];
    for name in names {
        let domain = Hook::ALL.iter().fold(all.clone(), |domain, hook| domain.taking(*hook, [name]));
        let first = &substitutions(&domain, &session, &compared)[0];
        let changed = names.map(|name| place::told(first, name) != place::told(&session, name));
        assert_eq!(changed, names.map(|other| other == name), "{name:?}");
    }
}

#[test]
fn substitutions_are_bounded_each_once_and_keep_the_contract() {
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
            let made = substitutions(&domain, &session, &comparisons);
            assert!(!made.is_empty() && made.len() <= 512);
            for (place, one) in made.iter().enumerate() {
                assert_eq!(contract_violation(one, &domain), None, "{one:#?}");
                assert!(*one != session && !made[..place].contains(one));
            }
            assert_eq!(made, substitutions(&domain, &session, &comparisons));
        }
    }
}
