//! The time to judge: a session without a finding (nearly all), one for each family of rules, two traces, a loading;
//! and the time to mask a message.

mod quick;

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use hookstorm::{
    case::{Call, Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    finding::Rule,
    generate::{Domain, nominal_session},
    oracle::{self, PluginUnderTest},
    trace::{
        CallTrace, CapturedOutput, Ending, Exception, Frame, HookSignature, LoadEnding, Loading, Observed, Origin,
        Parameter, PluginTokens, Trace,
    },
};

fn text(text: &str) -> Observed {
    Observed::Str(text.into())
}

fn dict<const N: usize>(entries: [(&str, Observed); N]) -> Observed {
    Observed::Dict(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
}

/// A session in which each call logs a line and returns what a plugin does.
fn clean() -> (Session, Trace) {
    let domain =
        Domain::new(PluginType::CredentialStore, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
    let session = nominal_session(&domain, 0);
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
            stdout: CapturedOutput::default(),
            stderr: CapturedOutput { bytes: log.len() as u64, text: log, records: Vec::new() },
            elapsed: Duration::from_micros(100),
            files: Vec::new(),
            attempts: Vec::new(),
            leftovers: Vec::new(),
            changed_types: Vec::new(),
        }
    });
    let calls = calls.collect();
    (session, Trace { calls, cookie: Value::empty_dict(), session_cookie: Value::empty_dict(), ..Trace::default() })
}

/// Changes the first call's trace.
fn with(change: impl FnOnce(&mut Session, &mut CallTrace)) -> (Session, Trace) {
    let (mut session, mut trace) = clean();
    change(&mut session, &mut trace.calls[0]);
    (session, trace)
}

/// A result of the first call.
fn returning<const N: usize>(entries: [(&str, Observed); N]) -> (Session, Trace) {
    with(|_, call| call.ending = Ending::Returned(dict(entries)))
}

/// A key of the length that appliances have, which the platform takes.
fn private_keys() -> Observed {
    let body = format!("{}\n", "MIIEowIBAAKCAQEA".repeat(4)).repeat(25);
    let key = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\n");
    Observed::List(vec![Observed::Tuple(vec![text("ssh-rsa"), text(&key)])])
}

/// A session of an AA plugin that wants to ask and has no question.
fn unasked() -> (Session, Trace) {
    let (_, mut trace) = returning([("verdict", text("NEEDINFO"))]);
    trace.calls.truncate(1);
    trace.calls[0].hook = Hook::Authenticate;
    (Session::new(vec![Call::new(Hook::Authenticate, Vec::new())]), trace)
}

/// What loading a plugin shows; `lease` is demanded by the first hook and never passed where `is_faulty`.
fn loading(is_faulty: bool) -> Loading {
    let parameter = |name: &str| Parameter { name: name.into(), required: true, positional_only: false };
    let hooks = [Hook::GetPasswordList, Hook::GetPrivateKeyList, Hook::AuthenticationCompleted, Hook::SessionEnded]
        .map(|hook| {
            let names = ["cookie", "session_cookie", "session_id"];
            let mut parameters: Vec<Parameter> = names.into_iter().map(parameter).collect();
            if is_faulty && hook == Hook::GetPasswordList {
                parameters.push(parameter("lease"));
            }
            HookSignature { hook, callable: true, parameters, takes_kwargs: true, frame: None }
        });
    Loading {
        python: "3.11.7".into(),
        import: LoadEnding::Done,
        output: String::new(),
        attempts: Vec::new(),
        has_class: true,
        takes_configuration: true,
        constructor: Some(LoadEnding::Done),
        hooks: hooks.to_vec(),
        tokens: PluginTokens::default(),
        files: Vec::new(),
        sdk_version: Some("1.9.1".into()),
        names: Vec::new(),
    }
}

fn store() -> PluginUnderTest {
    PluginUnderTest::new(PluginType::CredentialStore, Platform::newest(), "", Vec::new(), false, None)
}

fn judge(criterion: &mut Criterion) {
    let subject = store();
    let raised = with(|_, call| {
        let frame = |origin, line| Frame { origin, file: "main.py".into(), function: "read".into(), line };
        call.ending = Ending::Raised(Exception {
            type_name: "KeyError".into(),
            message: "'lease'".into(),
            frames: vec![frame(Origin::StandardLibrary, 3), frame(Origin::Plugin, 40), frame(Origin::Plugin, 12)],
            ..Exception::default()
        });
    });
    let bytes = returning([("cookie", dict([("receipt", Observed::Bytes(vec![0; 64]))]))]);
    let leak = with(|session, call| {
        let password = session.calls[0].argument(Argument::GatewayPassword).and_then(Value::as_str);
        call.stderr.text.push_str(password.expect("an ordinary session has one"));
    });

    let private_key = with(|_, call| {
        call.hook = Hook::GetPrivateKeyList;
        call.ending = Ending::Returned(dict([("private_keys", private_keys())]));
    });
    let encoded = with(|session, call| {
        let mut arguments = session.calls[0].arguments.iter_mut();
        let password = arguments.find(|(argument, _)| *argument == Argument::GatewayPassword);
        password.expect("an ordinary session has one").1 = Value::text("Tr0ub4dor&3/x");
        call.stderr.text.push_str("GET /login?password=Tr0ub4dor%263%2Fx");
    });

    let aa = PluginUnderTest { plugin_type: PluginType::Aa, ..subject.clone() };
    let mut group = criterion.benchmark_group("judge");
    for (name, subject, (session, trace), rule) in [
        ("clean", &subject, clean(), None),
        ("exceptions", &subject, raised, Some(Rule::UncaughtException)),
        ("results", &subject, returning([("passwords", text("no list"))]), Some(Rule::ReturnValueInvalid)),
        ("results, a key unknown", &subject, returning([("pasword", text("x"))]), Some(Rule::ReturnKeyUnknown)),
        ("results, no question", &aa, unasked(), Some(Rule::ReturnValueInvalid)),
        ("private keys", &subject, private_key, None),
        ("json", &subject, bytes, Some(Rule::NotJson)),
        ("secrets", &subject, leak, Some(Rule::SecretLeak)),
        ("secrets, URL-encoded", &subject, encoded, Some(Rule::SecretLeak)),
    ] {
        let found: Vec<Rule> = oracle::judge(subject, &session, &trace).iter().map(|finding| finding.rule).collect();
        assert_eq!(found, rule.into_iter().collect::<Vec<_>>(), "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| oracle::judge(subject, black_box(&session), black_box(&trace)));
        });
    }
    group.finish();
}

/// What compares two traces of a session.
fn compare(criterion: &mut Criterion) {
    let subject = store();
    let mut group = criterion.benchmark_group("judge");
    let (session, fresh) = clean();
    let (_, other) = returning([("passwords", Observed::List(Vec::new()))]);
    let changes = ["main.CACHE".to_owned()];
    assert!(oracle::state_leak(&subject, &session, &fresh, &fresh, &changes).is_none());
    assert!(oracle::state_leak(&subject, &session, &fresh, &other, &changes).is_some());
    for (name, after) in [("two traces alike", &fresh), ("two traces that differ", &other)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| oracle::state_leak(&subject, &session, black_box(&fresh), black_box(after), &changes));
        });
    }
    assert!(oracle::nondeterministic(&subject, &session, &fresh, &other).is_some());
    group.bench_function("two fresh traces that differ", |bencher| {
        bencher.iter(|| oracle::nondeterministic(&subject, &session, black_box(&fresh), black_box(&other)));
    });
    group.finish();
}

/// What is judged once, and what every message goes through.
fn around(criterion: &mut Criterion) {
    let subject = store();
    let mut group = criterion.benchmark_group("judge");
    for (name, loading, findings) in [("loading", loading(false), 0), ("loading, faulty", loading(true), 1)] {
        assert_eq!(oracle::judge_loading(&subject, &loading).len(), findings, "{name}");
        group.bench_function(name, |bencher| bencher.iter(|| oracle::judge_loading(&subject, black_box(&loading))));
    }

    let (session, trace) = clean();
    group.bench_function("the secrets of a session", |bencher| {
        bencher.iter(|| oracle::secrets_of(&subject, black_box(&session), black_box(&trace)));
    });
    let secrets = oracle::secrets_of(&subject, &session, &trace);
    assert!(!secrets.is_empty());
    let message = format!("{} and then {}", "no secret is here ".repeat(10), secrets.join(" or "));
    let masked = oracle::mask(&message, &secrets);
    assert!(secrets.iter().all(|secret| !masked.contains(secret.as_str())), "{masked}");
    group.bench_function("mask", |bencher| bencher.iter(|| oracle::mask(black_box(&message), &secrets)));
    group.finish();
}

criterion_group! {
    name = benches;
    config = quick::criterion();
    targets = judge, compare, around
}
criterion_main!(benches);
