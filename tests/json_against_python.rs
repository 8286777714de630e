//! Compares hookstorm's model of JSON with Python's `json`. One Python process builds thousands of generated objects
//! and passes them through `json.dumps` and `json.loads`; [`Observed::through_json`] and the oracles of `not-json` and
//! `lossy-json` must predict the results.
//!
//! Objects come from a seeded generator, so a failure is the same the next time; `HOOKSTORM_TEST_SEED` and
//! `HOOKSTORM_TEST_CASES` choose others. Python is that of the worker.
//!
//! hookstorm is stricter than Python on purpose in three points: NaN and Infinity are not JSON; text must be Unicode;
//! an int beyond 2^53 counts as changed, because many readers know only floats.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use arbitrary::Unstructured;
use hookstorm::{
    case::{Call, Session, Value},
    contract::{Hook, Platform, PluginType},
    finding::Rule,
    oracle::{self, PluginUnderTest},
    trace::{CallTrace, CapturedOutput, Ending, Observed, Trace},
};
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

/// Reads an object and what we say comes out of it from each line; answers with `[raises, changed, same]`.
const PYTHON: &str = r#"
import json, sys

sys.setrecursionlimit(10000)

def build(tagged, parents):
    kind, value = tagged
    if kind in ("list", "dict"):
        made = [] if kind == "list" else {}
        parents = parents + [made]
        if kind == "list":
            made.extend(build(item, parents) for item in value)
        else:
            for key, item in value:
                made[build(key, parents)] = build(item, parents)
            assert len(made) == len(value), "two keys are one in Python"
        return made
    if kind == "tuple":
        return tuple(build(item, parents) for item in value)
    if kind == "set":
        return frozenset(build(item, parents) for item in value)
    if kind == "cycle":
        return parents[-1]
    return {
        "none": lambda: None,
        "bool": lambda: value,
        "int": lambda: int(value),
        "float": lambda: float(value),
        "str": lambda: value,
        "broken": lambda: value.encode("ascii").decode("unicode_escape"),
        "bytes": lambda: bytes(value),
        "object": lambda: object(),
    }[kind]()

def refuse(constant):
    raise ValueError(constant)

def crossed(made):
    return json.loads(json.dumps(made, ensure_ascii=False).encode("utf-8"), parse_constant=refuse)

def same(one, two):
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        pairs = zip(one.items(), two.items())
        return len(one) == len(two) and all(same(k, l) and same(v, w) for (k, v), (l, w) in pairs)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same, one, two))
    return repr(one) == repr(two)

def loses_digits(value):
    if isinstance(value, dict):
        return any(map(loses_digits, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(loses_digits, value))
    return type(value) is int and abs(value) > 2 ** 53

for line in sys.stdin.buffer:
    tagged, ours = json.loads(line)
    made = build(tagged, [])
    try:
        theirs = crossed(made)
    except (TypeError, ValueError):
        answer = [True, None, ours is None]
    else:
        changed = not same(made, theirs) or loses_digits(made)
        answer = [False, changed, ours is not None and same(theirs, ours[0])]
    print(json.dumps(answer))
"#;

#[derive(Debug, serde::Deserialize)]
struct Answer(bool, Option<bool>, bool);

fn ask_python(lines: &[String]) -> Vec<Answer> {
    let python = std::env::var_os("PYO3_PYTHON").unwrap_or_else(|| "python3".into());
    let mut child = Command::new(python)
        .args(["-I", "-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`python3` can be started; PYO3_PYTHON names another one");
    let mut stdin = child.stdin.take().expect("it is piped");
    let text = lines.join("\n") + "\n";
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("Python ends");
    assert!(output.status.success());
    writer.join().expect("the writer does not panic").expect("Python reads to the end");
    let answers: Vec<Answer> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), lines.len());
    answers
}

/// The object for Python to build: `[kind, value]`.
fn tagged(observed: &Observed) -> serde_json::Value {
    use serde_json::json;
    let all = |items: &[Observed]| items.iter().map(tagged).collect::<Vec<_>>();
    match observed {
        Observed::None => json!(["none", null]),
        Observed::Bool(flag) => json!(["bool", flag]),
        Observed::Int(number) => json!(["int", number.to_string()]),
        Observed::BigInt(digits) => json!(["int", digits]),
        // As text, so that no reader of ours stands between.
        Observed::Float(number) => json!(["float", number.to_string()]),
        Observed::Str(text) => json!(["str", text]),
        Observed::BrokenStr(text) => json!(["broken", text]),
        Observed::Bytes(bytes) => json!(["bytes", bytes]),
        Observed::List(items) => json!(["list", all(items)]),
        Observed::Tuple(items) => json!(["tuple", all(items)]),
        Observed::Set(items) => json!(["set", all(items)]),
        Observed::Dict(entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, value)| (tagged(key), tagged(value))).collect();
            json!(["dict", entries])
        }
        Observed::Cycle => json!(["cycle", null]),
        Observed::Object { .. } => json!(["object", null]),
        Observed::Truncated => unreachable!("nobody makes what was not read"),
    }
}

const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    1e15,
    1e16,
    -1e16,
    1.5e16,
    1e22,
    1e23,
    1e-4,
    1e-5,
    1.25e-7,
    5e-324,
    f64::MIN_POSITIVE,
    f64::MAX,
    f64::EPSILON,
    123_456_789.123_456_79,
    9_007_199_254_740_993.0,
];
const ODD_FLOATS: &[f64] = &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
const INTS: &[i64] = &[0, 1, -1, 22, 65535, 1 << 53, -(1 << 53), (1 << 53) + 1, i64::MAX, i64::MIN];
const TEXTS: &[&str] =
    &["", "a", "null", "true", "1", "1.0", "1e+16", "NaN", "\u{0}", "\"\\/\u{8}\n", "\u{7f}\u{2028}", "κ\u{202e}", "𝄞"];

fn pick<T: Copy>(u: &mut Unstructured<'_>, from: &[T]) -> T {
    *u.choose(from).expect("there is something to choose from")
}

/// What can be the key of a dict and the member of a set.
fn hashable(u: &mut Unstructured<'_>) -> Observed {
    match u.int_in_range(0..=23).unwrap_or(0) {
        0..=9 => Observed::Str(pick(u, TEXTS).to_owned()),
        10..=12 => Observed::Int(pick(u, INTS)),
        13 => Observed::BigInt("-123456789012345678901234567890".into()),
        14..=16 => Observed::Float(pick(u, FLOATS)),
        17 => Observed::Float(pick(u, ODD_FLOATS)),
        18 => Observed::Bool(u.arbitrary().unwrap_or(true)),
        19 => Observed::None,
        20 => Observed::Tuple(vec![Observed::Str("a".into()), Observed::Int(1)]),
        21 => Observed::Bytes(vec![0, 255]),
        22 => Observed::BrokenStr("\\udc80".into()),
        _ => Observed::Object { type_name: "object".into() },
    }
}

/// An object whose parts are odd now and then; `in_dict_or_list` says whether something can contain itself here.
fn object(u: &mut Unstructured<'_>, depth: usize, in_dict_or_list: bool) -> Observed {
    let kind = if depth == 0 { 0 } else { u.int_in_range(0..=9).unwrap_or(0) };
    let length = if kind < 4 { 0 } else { u.int_in_range(0..=4).unwrap_or(0) };
    match kind {
        0..=3 => match u.int_in_range(0..=60).unwrap_or(0) {
            0 if in_dict_or_list => Observed::Cycle,
            1 => Observed::Set((0..2).map(Observed::Int).collect()),
            2 => hashable(u),
            number => match number % 5 {
                0 => Observed::Int(pick(u, INTS)),
                1 => Observed::Float(pick(u, FLOATS)),
                2 => Observed::Bool(u.arbitrary().unwrap_or(true)),
                3 => Observed::None,
                _ => Observed::Str(pick(u, TEXTS).to_owned()),
            },
        },
        4 => Observed::Tuple((0..length).map(|_| object(u, depth - 1, in_dict_or_list)).collect()),
        5 | 6 => Observed::List((0..length).map(|_| object(u, depth - 1, true)).collect()),
        _ => {
            let mut entries: Vec<(Observed, Observed)> = Vec::new();
            for _ in 0..length * 3 {
                let plain = u.ratio(9, 10).unwrap_or(true);
                let key = if plain { Observed::Str(pick(u, TEXTS).to_owned()) } else { hashable(u) };
                if entries.iter().all(|(known, _)| !are_one_key(known, &key)) {
                    entries.push((key, object(u, depth - 1, true)));
                }
            }
            Observed::Dict(entries)
        }
    }
}

/// Whether Python takes both for the same key: `1 == 1.0 == True`.
fn are_one_key(one: &Observed, two: &Observed) -> bool {
    let number = |key: &Observed| match key {
        Observed::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Observed::Int(number) => Some(*number as f64),
        Observed::BigInt(digits) => digits.parse().ok(),
        Observed::Float(number) => Some(*number),
        _ => None,
    };
    match (number(one), number(two)) {
        (Some(one), Some(two)) => one == two,
        _ => one == two,
    }
}

/// The rules that `value` breaks inside a cookie.
fn broken(subject: &PluginUnderTest, value: &Observed) -> Vec<Rule> {
    let text = |text: &str| Observed::Str(text.into());
    let cookie = Observed::Dict(vec![(text("x"), value.clone())]);
    let session = Session::new(vec![Call::new(Hook::GetPasswordList, Vec::new())]);
    let seen = CallTrace {
        call: 0,
        round: 0,
        hook: Hook::GetPasswordList,
        answer_is_secret: false,
        ending: Ending::Returned(Observed::Dict(vec![(text("cookie"), cookie)])),
        stdout: CapturedOutput::default(),
        stderr: CapturedOutput::default(),
        elapsed: Duration::ZERO,
        files: Vec::new(),
        attempts: Vec::new(),
        leftovers: Vec::new(),
        changed_types: Vec::new(),
    };
    let trace = Trace { calls: vec![seen], cookie: Value::empty_dict(), ..Trace::default() };
    oracle::judge(subject, &session, &trace).into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn objects_fare_in_json_as_python_says() {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("`{name}` must be a number and is `{text}`")),
        Err(_) => default,
    };
    let (seed, cases) = (number("HOOKSTORM_TEST_SEED", 1), number("HOOKSTORM_TEST_CASES", 4000));
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut objects = Vec::new();
    for _ in 0..cases {
        let mut bytes = vec![0; 1024];
        generator.fill_bytes(&mut bytes);
        objects.push(object(&mut Unstructured::new(&bytes), 4, false));
    }
    let lines: Vec<String> = objects
        .iter()
        .map(|object| {
            let ours = object.through_json().map(|value| format!("[{value}]"));
            format!("[{},{}]", tagged(object), ours.as_deref().unwrap_or("null"))
        })
        .collect();

    let subject = PluginUnderTest::new(PluginType::CredentialStore, Platform::newest(), "", Vec::new(), false, None);
    let (mut raised, mut changed_ones, mut unchanged) = (0, 0, 0);
    for (object, Answer(raises, changed, same)) in objects.iter().zip(ask_python(&lines)) {
        assert!(same, "Python makes something else of {object}\nthan {:?}", object.through_json());
        let rules = broken(&subject, object);
        assert_eq!(rules.contains(&Rule::NotJson), raises, "{object}: {rules:?}");
        match changed {
            Some(changed) => assert_eq!(rules.contains(&Rule::LossyJson), changed, "{object}: {rules:?}"),
            None => raised += 1,
        }
        changed_ones += usize::from(changed == Some(true));
        unchanged += usize::from(changed == Some(false));
    }
    // A batch that has little of one kind says little.
    let least = usize::try_from(cases).unwrap_or(0) / 20;
    assert!(raised > least && changed_ones > least && unchanged > least, "{raised} {changed_ones} {unchanged}");
}
