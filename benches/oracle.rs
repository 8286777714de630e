//! How long a judgement takes: of a session that shows nothing, as nearly all do, and of one for each family of rules.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use hookstorm::{
    case::{Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    finding::Rule,
    generate::{Domain, Words, ordinary_session},
    oracle::{self, Subject},
    runtime::{CallTrace, Ending, Exception, Frame, Observed, Origin, Output, Trace},
};

fn text(text: &str) -> Observed {
    Observed::Str(text.into())
}

fn dict<const N: usize>(entries: [(&str, Observed); N]) -> Observed {
    Observed::Dict(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
}

/// A session in which each call logs a line and returns what a plugin does.
fn clean() -> (Session, Trace) {
    let domain = Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), Words::default());
    let session = ordinary_session(&domain, 0);
    let calls = session.calls.iter().enumerate().map(|(index, call)| {
        let cookie = dict([("count", Observed::Int(2)), ("lease", text("b3kX")), ("path", text("secret/hosts"))]);
        let log = "INFO vault: 2 passwords for the user on web01.example.com\n".repeat(3);
        let result = match call.hook {
            Hook::SessionEnded => Observed::None,
            Hook::GetPasswordList => {
                let passwords = Observed::List(vec![text("Velvet-Comet-28"), text("Velvet-Comet-29")]);
                dict([("passwords", passwords), ("cookie", cookie)])
            }
            _ => dict([("cookie", cookie)]),
        };
        CallTrace {
            call: index,
            round: 0,
            hook: call.hook,
            answer_is_secret: false,
            ending: Ending::Returned(result),
            stdout: Output::default(),
            stderr: Output { bytes: log.len() as u64, text: log },
            elapsed: Duration::from_micros(100),
            files: Vec::new(),
        }
    });
    let calls = calls.collect();
    (session, Trace { calls, cookie: Value::empty_dict(), session_cookie: Value::empty_dict(), ..Trace::default() })
}

/// Changes the first call's trace.
fn with(change: impl FnOnce(&Session, &mut CallTrace)) -> (Session, Trace) {
    let (session, mut trace) = clean();
    change(&session, &mut trace.calls[0]);
    (session, trace)
}

fn judge(criterion: &mut Criterion) {
    let subject = Subject::new(PluginType::CredentialStore, Platform::newest(), "", Vec::new(), false, None);
    let raised = with(|_, call| {
        let frame = |origin, line| Frame { origin, file: "main.py".into(), function: "read".into(), line };
        call.ending = Ending::Raised(Exception {
            type_name: "KeyError".into(),
            message: "'lease'".into(),
            frames: vec![frame(Origin::StandardLibrary, 3), frame(Origin::Plugin, 40), frame(Origin::Plugin, 12)],
            in_constructor: false,
        });
    });
    let invalid = with(|_, call| call.ending = Ending::Returned(dict([("passwords", text("no list"))])));
    let bytes = with(|_, call| {
        call.ending = Ending::Returned(dict([("cookie", dict([("receipt", Observed::Bytes(vec![0; 64]))]))]))
    });
    let leak = with(|session, call| {
        let password = session.calls[0].argument(Argument::GatewayPassword).and_then(Value::as_str);
        call.stderr.text.push_str(password.expect("an ordinary session has one"));
    });

    let mut group = criterion.benchmark_group("judge");
    for (name, (session, trace), rule) in [
        ("clean", clean(), None),
        ("exceptions", raised, Some(Rule::UncaughtException)),
        ("results", invalid, Some(Rule::ReturnValueInvalid)),
        ("json", bytes, Some(Rule::NotJson)),
        ("secrets", leak, Some(Rule::SecretLeak)),
    ] {
        let found: Vec<Rule> = oracle::judge(&subject, &session, &trace).iter().map(|finding| finding.rule).collect();
        assert_eq!(found, rule.into_iter().collect::<Vec<_>>(), "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| oracle::judge(&subject, black_box(&session), black_box(&trace)));
        });
    }

    // What compares two traces of a session.
    let (session, fresh) = clean();
    let (_, other) = with(|_, call| call.ending = Ending::Returned(dict([("passwords", Observed::List(Vec::new()))])));
    let changes = ["main.CACHE".to_owned()];
    assert!(oracle::state_leak(&subject, &session, &fresh, &fresh, &changes).is_none());
    assert!(oracle::state_leak(&subject, &session, &fresh, &other, &changes).is_some());
    for (name, after) in [("two traces alike", &fresh), ("two traces that differ", &other)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| oracle::state_leak(&subject, &session, black_box(&fresh), black_box(after), &changes));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = judge
}
criterion_main!(benches);
