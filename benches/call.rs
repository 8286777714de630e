//! The time of a call with a real worker: one call in a process that stays, one in a process of its own, a whole
//! session, and a batch of sessions.

mod quick;

use std::{path::Path, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hookstorm::{
    case::{Call, Session},
    contract::{Hook, Platform, PluginType},
    generate::{Domain, nominal_session, nth_session},
    runtime::{Executor, Isolation, Limits, Network, Sandbox, Target, Worker},
    trace::{Ending, PluginTokens},
};

/// How many sessions a campaign sends at a time.
const BATCH: u64 = 64;

fn call(criterion: &mut Criterion) {
    let target = Arc::new(Target {
        root: Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/plugins/small"),
        entry_point: "main.py".into(),
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: String::new(),
        services: hookstorm::case::Value::empty_dict(),
        venv: None,
        limits: Limits::default(),
        network: Network::Closed,
        sandbox: Sandbox::default(),
        coverage: true,
        instrument: false,
    });
    let (mut worker, loading) = Worker::start(&target).expect("a worker starts");
    assert!(loading.has_class, "the plugin loads: {loading:?}");
    let hooks = loading.hooks.iter().map(|seen| seen.hook).collect();
    let domain = Domain::new(target.plugin_type, target.platform, hooks, PluginTokens::default());
    let whole = nominal_session(&domain, 0);
    let first: Vec<Call> = whole.calls.iter().filter(|call| call.hook == Hook::GetPasswordList).cloned().collect();
    let one_call = Session::new(first);

    let mut group = criterion.benchmark_group("call");
    for (name, session, isolation) in [
        ("one call, persistent", &one_call, Isolation::Persistent),
        ("one call, isolated", &one_call, Isolation::Isolated),
        ("whole session, persistent", &whole, Isolation::Persistent),
        ("whole session, isolated", &whole, Isolation::Isolated),
    ] {
        let sessions = std::slice::from_ref(session);
        let trace = worker.run(sessions, isolation).expect("the runtime works").remove(0);
        assert_eq!(trace.calls.len(), session.calls.len());
        assert!(trace.calls.iter().all(|call| matches!(call.ending, Ending::Returned(_))), "{trace:?}");
        group.throughput(Throughput::Elements(session.calls.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| worker.run(sessions, isolation)));
    }
    let batch: Vec<Session> = (0..BATCH).map(|index| nth_session(&domain, 42, index)).collect();
    group.throughput(Throughput::Elements(batch.iter().map(|session| session.calls.len() as u64).sum()));
    group.bench_function("batch of 64 sessions, persistent", |bencher| {
        bencher.iter(|| worker.run(&batch, Isolation::Persistent));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = quick::criterion();
    targets = call
}
criterion_main!(benches);
