//! The time to send a session to a worker, and to read its trace.

mod quick;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hookstorm::{
    case::Value,
    contract::{Hook, Platform, PluginType},
    generate::{Domain, nth_session},
    runtime::protocol::wire::{Reader, Writer, ending},
    trace::PluginTokens,
};

/// How many sessions are written or read at a time.
const SESSIONS: u64 = 64;

/// A call's record as the worker writes it.
fn call_record(writer: &mut Writer, result: &Value) {
    writer.number(0);
    writer.number(0);
    writer.byte(Hook::GetPasswordList as u8);
    writer.byte(0);
    writer.number(1_240_000);
    writer.byte(ending::RETURNED);
    writer.value(result);
    for output in ["", "INFO vault: 2 passwords for alice on web01.example.com\n"] {
        writer.number(output.len() as u64);
        writer.blob(output.as_bytes());
    }
    writer.number(0);
}

fn wire(criterion: &mut Criterion) {
    let domain =
        Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
    let sessions: Vec<_> = (0..SESSIONS).map(|index| nth_session(&domain, 42, index)).collect();
    let mut written = Writer::default();
    sessions.iter().for_each(|session| written.session(session));

    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Elements(SESSIONS));
    let mut writer = Writer::default();
    group.bench_function("write sessions", |bencher| {
        bencher.iter(|| {
            writer.bytes.clear();
            sessions.iter().for_each(|session| writer.session(black_box(session)));
        });
    });
    group.bench_function("read sessions", |bencher| {
        bencher.iter(|| {
            let mut reader = Reader::new(black_box(&written.bytes));
            while !reader.is_at_end() {
                black_box(reader.session().expect("it was written so"));
            }
        });
    });

    let text = r#"{"passwords": ["Velvet-Comet-28", "Velvet-Comet-29"],
        "cookie": {"count": 2, "user": "alice", "lease": {"id": "b3kX", "until": 1700000000}}}"#;
    let result: Value = serde_json::from_str(text).expect("it is JSON");
    let mut trace = Writer::default();
    (0..SESSIONS).for_each(|_| call_record(&mut trace, &result));
    group.bench_function("write calls of a trace", |bencher| {
        bencher.iter(|| {
            writer.bytes.clear();
            (0..SESSIONS).for_each(|_| call_record(&mut writer, black_box(&result)));
        });
    });
    group.bench_function("read calls of a trace", |bencher| {
        bencher.iter(|| {
            let mut reader = Reader::new(black_box(&trace.bytes));
            while !reader.is_at_end() {
                black_box(reader.call_trace(512 << 20).expect("it was written so"));
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = quick::criterion();
    targets = wire
}
criterion_main!(benches);
