//! How long it takes to make a session, or to change one: every run begins with it.

mod quick;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hookstorm::{
    case::Session,
    contract::{Hook, Platform, PluginType},
    generate::{Dictionary, Domain, Mutator, input_to_state, nth_session, nth_two_plugin_session, strategy},
    trace::{CmpKind, CmpLogEntry, PluginTokens},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

fn domain(plugin_type: PluginType) -> Domain {
    let strings = ["questions", "vp", "key", "password", "://", "#", "secrets_path", "engine-kv-v1", "account"];
    let tokens =
        PluginTokens { strings: strings.map(str::to_owned).to_vec(), numbers: vec![8200], ..PluginTokens::default() };
    Domain::new(plugin_type, Platform::newest(), Hook::ALL.to_vec(), tokens)
}

fn sessions(criterion: &mut Criterion) {
    let (store, aa) = (domain(PluginType::CredentialStore), domain(PluginType::Aa));
    let mut group = criterion.benchmark_group("nth_session");
    for domain in [&store, &aa] {
        let mut index = 0;
        group.bench_function(domain.plugin_type.name(), |bencher| {
            bencher.iter(|| {
                index += 1;
                black_box(nth_session(domain, 42, index))
            });
        });
    }
    let mut index = 0;
    group.bench_function("two plugins", |bencher| {
        bencher.iter(|| {
            index += 1;
            black_box(nth_two_plugin_session(&aa, &store, PluginType::CredentialStore, 42, index))
        });
    });
    // What a user's own property-based test pays for a session.
    let (strategy, mut runner) = (strategy(store), TestRunner::deterministic());
    group.bench_function("strategy", |bencher| {
        bencher.iter(|| strategy.new_tree(&mut runner).map(|tree| black_box(tree.current())));
    });
    group.finish();
}

/// The comparisons of a plugin in `session`: each text that it got, with a text of its own.
fn compared(session: &Session) -> Vec<CmpLogEntry> {
    let operands = session.calls[0].arguments.iter().filter(|(_, value)| value.as_str().is_some());
    let compared = operands.enumerate().map(|(place, (_, value))| CmpLogEntry {
        place: place as u32,
        kind: CmpKind::Equal,
        left: value.clone(),
        right: "breakglass-operator1".into(),
        matched: false,
    });
    compared.collect()
}

fn changes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("change");
    for domain in [domain(PluginType::CredentialStore), domain(PluginType::Aa)] {
        let parents: Vec<Session> = (0..64).map(|index| nth_session(&domain, 42, index)).collect();
        let mut dictionary = Dictionary::new(&domain);
        for parent in &parents {
            compared(parent).iter().for_each(|comparison| _ = dictionary.learn(comparison));
        }
        let mutator = Mutator { domain: &domain, dictionary: &dictionary, options: &[], services: false };
        let name = domain.plugin_type.name();
        let mut seed = 0;
        group.bench_function(format!("mutate {name}"), |bencher| {
            bencher.iter(|| {
                seed += 1;
                let (parent, donor) = (&parents[seed as usize % 64], &parents[(seed as usize + 7) % 64]);
                black_box(mutator.mutate(seed, parent, Some(donor)))
            });
        });
        let comparisons = compared(&parents[0]);
        group.bench_function(format!("input_to_state {name}, {} comparisons", comparisons.len()), |bencher| {
            bencher.iter(|| black_box(input_to_state(&domain, &parents[0], &comparisons)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = quick::criterion();
    targets = sessions, changes
}
criterion_main!(benches);
