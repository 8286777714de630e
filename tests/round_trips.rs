//! Cases as JSON and sessions on the wire stay the same when they are written and read. Damaged bytes of a worker are
//! read or refused, and never cause a panic.
//!
//! The sessions come from `generate::strategy`. The runs are seeded, so that a failure is reproducible.

use hookstorm::{
    case::{Case, RecordedFinding, Session, Value},
    contract::{Hook, Platform, PluginType},
    generate::{Domain, strategy},
    runtime::protocol::wire::{Reader, Writer, ending},
    trace::{
        Attempt, AttemptKind, CapturedOutput, CookieValue, Frame, Leftover, LeftoverKind, LogRecord, Observed,
        OptionToken, PluginTokens,
    },
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn sessions(plugin_type: PluginType, platform: &'static Platform) -> impl Strategy<Value = Session> {
    let tokens = PluginTokens {
        strings: ["questions", "key", "://", "#", "%s"].map(str::to_owned).into(),
        numbers: vec![0, -1, 8200, i64::MAX, i64::MIN],
        options: vec![OptionToken { section: "auth".into(), name: "hosts".into(), value: Some("a.example, b".into()) }],
        ..PluginTokens::default()
    };
    strategy(Domain::new(plugin_type, platform, Hook::ALL.to_vec(), tokens))
}

/// Sessions of both types, with the type and the platform that they are for.
fn any_session() -> impl Strategy<Value = (PluginType, &'static Platform, Session)> {
    (select(vec![PluginType::CredentialStore, PluginType::Aa]), select(Platform::all())).prop_flat_map(
        |(plugin_type, platform)| {
            // `select` returns a copy; a case has the platform of the table.
            let platform = Platform::named(platform.name).expect("the name is from the table");
            sessions(plugin_type, platform).prop_map(move |session| (plugin_type, platform, session))
        },
    )
}

/// Any value that a case can contain, with finite floats of any size.
fn any_value() -> impl Strategy<Value = Value> {
    let finite = any::<f64>().prop_filter("JSON has no number for it", |number| number.is_finite());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        finite.prop_map(Value::Float),
        any::<String>().prop_map(Value::Str),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![vec(inner.clone(), 0..5).prop_map(Value::List), any_dict_of(inner)]
    })
}

fn any_dict_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    vec((any::<String>(), inner), 0..5).prop_map(|entries| {
        let mut dict = Value::empty_dict();
        for (key, value) in entries {
            dict.set(&key, value);
        }
        dict
    })
}

#[test]
fn a_case_stays_the_same_as_json() {
    let earlier = any_session().prop_map(|(.., session)| session);
    let found =
        any::<[String; 3]>().prop_map(|[rule, fingerprint, message]| RecordedFinding { rule, fingerprint, message });
    let extras = (any::<Option<String>>(), vec(earlier, 0..2), proptest::option::of(found), any_dict_of(any_value()));
    let all = (any_session(), extras);
    runner(400)
        .run(&all, |((plugin_type, platform, mut session), (configuration, earlier, found, cookie))| {
            session.cookie = cookie;
            let of_type = |session: &Session| session.calls.iter().all(|call| call.hook.spec(plugin_type).is_some());
            let earlier = earlier.into_iter().filter(of_type).collect();
            let case = Case { plugin_type, platform, configuration, session, earlier, found };
            let text = case.to_json();
            let again = Case::from_json(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(&again, &case);
            prop_assert_eq!(again.to_json(), text);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_session_stays_the_same_on_the_wire() {
    runner(1000)
        .run(&(any_session(), any_dict_of(any_value())), |((.., mut session), cookie)| {
            session.session_cookie = cookie;
            let mut writer = Writer::default();
            writer.session(&session);
            let mut reader = Reader::new(&writer.bytes);
            prop_assert_eq!(reader.session(), Ok(session));
            prop_assert!(reader.is_at_end());
            Ok(())
        })
        .unwrap();
}

/// Damage to a record: a byte overwritten, the end cut off, a byte inserted, or a piece copied elsewhere.
#[derive(Clone, Debug)]
enum Damage {
    Write(Index, u8),
    Cut(Index),
    Insert(Index, u8),
    Copy(Index, Index, u8),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    // Bytes with a meaning: tags, small counts, and the beginnings of large counts.
    let byte = || prop_oneof![0..=20_u8, Just(0x7f), 0x80..=0xff_u8, any::<u8>()];
    prop_oneof![
        6 => (any::<Index>(), byte()).prop_map(|(at, byte)| Damage::Write(at, byte)),
        1 => any::<Index>().prop_map(Damage::Cut),
        2 => (any::<Index>(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        2 => (any::<Index>(), any::<Index>(), byte()).prop_map(|(from, to, length)| Damage::Copy(from, to, length)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match damage {
            Damage::Write(at, byte) => bytes[at.index(length)] = *byte,
            Damage::Cut(at) => bytes.truncate(at.index(length)),
            Damage::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Damage::Copy(from, to, count) => {
                let (from, to) = (from.index(length), to.index(length));
                let piece = bytes[from..length.min(from + usize::from(*count))].to_vec();
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}

fn call_record(result: &Value) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(3);
    writer.number(1);
    writer.byte(Hook::Authorize as u8);
    writer.byte(1);
    writer.number(1_240_000);
    writer.byte(ending::RETURNED);
    writer.value(result);
    let frame = Frame { file: "main.py".into(), function: "f".into(), line: 3, ..Frame::default() };
    let text = "INFO vault: 2 keys\n".to_owned();
    let record = LogRecord { level: 20, start: 0, end: 19, template: "%d keys".into(), frame };
    writer.output(&CapturedOutput::default());
    writer.output(&CapturedOutput { bytes: 19, text, records: vec![record] });
    writer.number(1);
    writer.blob(b"state/lease");
    writer.blob(b"7");
    let frames = vec![Frame { file: "main.py".into(), function: "f".into(), line: 3, ..Frame::default() }];
    let target = "10.0.0.1:443".into();
    writer.attempts(&[Attempt { kind: AttemptKind::Connect, target, frames: frames.clone() }]);
    writer.leftovers(&[Leftover { kind: LeftoverKind::Thread, what: "poller".into(), frames }]);
    writer.cookie_values(&[CookieValue { path: "cookie.users".into(), type_name: "set".into() }]);
    writer.bytes
}

/// The number of objects and of bytes of text in them: a reader must not make more than it read bytes.
fn amount(observed: &Observed) -> usize {
    1 + match observed {
        Observed::List(items) | Observed::Tuple(items) | Observed::Set(items) => items.iter().map(amount).sum(),
        Observed::Dict(entries) => entries.iter().map(|(key, value)| amount(key) + amount(value)).sum(),
        Observed::Str(text) | Observed::BrokenStr(text) => text.len(),
        Observed::BigInt(digits) => digits.len(),
        Observed::Bytes(bytes) => bytes.len(),
        Observed::Object { type_name } => type_name.len(),
        _ => 0,
    }
}

#[test]
fn a_damaged_record_is_read_or_refused() {
    let (mut read, mut refused) = (0, 0);
    let all = (any_session(), any_dict_of(any_value()), vec(any_damage(), 1..6));
    let mut count = |was_read: bool| *(if was_read { &mut read } else { &mut refused }) += 1;
    let mut runner = runner(1);
    for _ in 0..4000 {
        let tree = all.new_tree(&mut runner).unwrap();
        let ((.., session), result, damages) = tree.current();

        let mut writer = Writer::default();
        writer.session(&session);
        count(Reader::new(&damaged(writer.bytes, &damages)).session().is_ok());

        let record = call_record(&result);
        assert!(Reader::new(&record).call_trace(0).is_ok());
        let record = damaged(record, &damages);
        count(Reader::new(&record).call_trace(0).is_ok());
        // The same bytes, read as another type.
        count(Reader::new(&record).frames().is_ok());
        count(Reader::new(&record).exception().is_ok());

        let mut writer = Writer::default();
        writer.value(&result);
        let record = damaged(writer.bytes, &damages);
        count(Reader::new(&record).value().is_ok());
        let observed = Reader::new(&record).observed();
        count(observed.is_ok());
        if let Ok(observed) = observed {
            assert!(amount(&observed) <= record.len(), "{observed:?} from {record:?}");
        }
    }
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}
