//! How long it takes to make a session: every run begins with it.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hookstorm::{
    contract::{Hook, Platform, PluginType},
    generate::{Domain, Words, nth_session, nth_two_plugin_session},
};

fn domain(plugin_type: PluginType) -> Domain {
    let strings = ["questions", "vp", "key", "password", "://", "#", "secrets_path", "engine-kv-v1", "account"];
    let words = Words { strings: strings.map(str::to_owned).to_vec(), numbers: vec![8200], ..Words::default() };
    Domain::new(plugin_type, Platform::newest(), Hook::ALL.to_vec(), words)
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
    group.finish();
}

criterion_group!(benches, sessions);
criterion_main!(benches);
