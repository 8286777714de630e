//! Results of hooks, right and wrong, with the rules that they break: tables for each shape of the contract.

use crate::{
    contract::{HookSpec, Platform, PluginType, ResultKey, ResultShape},
    finding::Rule,
    generate::source::Source,
    trace::Observed,
};

/// A value, and the rules that it breaks at its place in the result.
type Judged = (Observed, Vec<Rule>);

const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n";

pub(super) fn text(text: &str) -> Observed {
    Observed::Str(text.to_owned())
}

fn dict(entries: Vec<(&str, Observed)>) -> Observed {
    Observed::Dict(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
}

fn object(type_name: &str) -> Observed {
    Observed::Object { type_name: type_name.to_owned() }
}

/// A value that JSON cannot carry.
fn not_json(source: &mut Source<'_, '_>) -> Observed {
    match source.below(14) {
        0 => Observed::Bytes(vec![0, 255, b'a']),
        1 => Observed::Set(vec![Observed::Int(1)]),
        2 => Observed::Float(f64::NAN),
        3 => Observed::Float(f64::NEG_INFINITY),
        4 => Observed::BrokenStr("a\\udc80b".into()),
        5 => Observed::List(vec![Observed::Cycle]),
        6 => Observed::Dict(vec![(text("self"), Observed::Cycle)]),
        7 => object("main.Thing"),
        8 => object("datetime.datetime"),
        9 => object("decimal.Decimal"),
        10 => object("type"),
        11 => Observed::Set(Vec::new()),
        12 => Observed::Dict(vec![(Observed::Tuple(vec![Observed::Int(1)]), Observed::Int(2))]),
        _ => Observed::Dict(vec![(Observed::Bytes(vec![1]), Observed::Int(2))]),
    }
}

/// A value that JSON carries unchanged.
fn plain(source: &mut Source<'_, '_>) -> Observed {
    match source.below(11) {
        1 => Observed::None,
        2 => Observed::Bool(true),
        3 => Observed::Float(1.5),
        4 => text("ünïcode 😀\n\u{0}"),
        5 => Observed::List(vec![Observed::Int(-1), text(""), Observed::List(Vec::new())]),
        6 => dict(vec![("a", dict(vec![("b", Observed::None)])), ("", Observed::Int(0))]),
        7 => Observed::Int(1 << 53),
        8 => Observed::Float(-0.0),
        9 => text("\u{10ffff}\u{feff}\u{202e}"),
        10 => Observed::Float(5e-324),
        _ => Observed::Int(1),
    }
}

/// A value that JSON changes.
fn lossy(source: &mut Source<'_, '_>) -> Observed {
    match source.below(8) {
        0 => Observed::Tuple(vec![Observed::Int(1), text("a")]),
        1 => Observed::Int((1 << 53) + 1),
        2 => Observed::BigInt("123456789012345678901234567890".into()),
        3 => Observed::Dict(vec![(Observed::Int(5), Observed::None)]),
        4 => Observed::Dict(vec![(Observed::None, Observed::None)]),
        5 => Observed::Dict(vec![(Observed::Bool(true), Observed::None)]),
        6 => Observed::Dict(vec![(Observed::Float(1.5), Observed::None)]),
        _ => Observed::Int(i64::MIN),
    }
}

/// A value that does not have the shape.
fn wrong(source: &mut Source<'_, '_>, shape: ResultShape) -> Judged {
    let mut one_of = |values: Vec<Observed>| (source.pick(&values).clone(), vec![Rule::ReturnValueInvalid]);
    let number = Observed::Int(5);
    match shape {
        ResultShape::Cookie => {
            one_of(vec![Observed::None, Observed::List(vec![]), text("a"), number, Observed::Bool(false)])
        }
        ResultShape::Passwords | ResultShape::Groups => one_of(vec![
            text("Qx-one"),
            Observed::None,
            number.clone(),
            Observed::List(vec![text("Qx-one"), number]),
            Observed::List(vec![Observed::None]),
            Observed::List(vec![Observed::Bytes(vec![b'x'])]),
            dict(vec![]),
            Observed::Set(vec![text("Qx-one")]),
        ]),
        ResultShape::PrivateKeys => {
            let pair = |kind: &str, key: Observed| Observed::List(vec![Observed::Tuple(vec![text(kind), key])]);
            one_of(vec![
                text("Qx-one"),
                Observed::None,
                pair("ssh-ed25519", text(PEM)),
                pair("ssh-rsa", text("no key")),
                pair("ssh-rsa", Observed::Bytes(PEM.into())),
                Observed::List(vec![Observed::Tuple(vec![text("ssh-rsa")])]),
                Observed::List(vec![text(PEM)]),
                pair("ssh-rsa", text("-----BEGIN RSA PRIVATE KEY-----\n")),
            ])
        }
        ResultShape::TotpCodes => {
            let code = |time: Observed, code: Observed| {
                Observed::List(vec![dict(vec![("unix_time", time), ("period", Observed::Int(30)), ("code", code)])])
            };
            one_of(vec![
                code(Observed::Float(1.5), text("123456")),
                code(Observed::Int(1), Observed::Int(123_456)),
                code(Observed::Bool(true), text("123456")),
                Observed::List(vec![dict(vec![("code", text("1"))])]),
                Observed::List(vec![text("123456")]),
                text("123456"),
            ])
        }
        ResultShape::OptionalText => one_of(vec![number, Observed::List(vec![]), Observed::Bytes(vec![b'x'])]),
        ResultShape::Text => one_of(vec![Observed::None, number, Observed::Bytes(vec![b'x'])]),
        ResultShape::Bool => one_of(vec![Observed::None, number, text("True")]),
        ResultShape::Verdict => one_of(vec![text("accept"), text(""), number, Observed::Bool(true), text("ACCEPT ")]),
        ResultShape::Question => one_of(vec![
            text("what?"),
            Observed::Tuple(vec![text("k"), text("p")]),
            Observed::Tuple(vec![text("k"), text("p"), Observed::None]),
            Observed::Tuple(vec![number, text("p"), Observed::Bool(true)]),
        ]),
        ResultShape::AnyJson => (not_json(source), vec![Rule::NotJson]),
    }
}

/// A value of the shape; in a cookie, rarely one that JSON cannot carry unchanged.
fn right(source: &mut Source<'_, '_>, shape: ResultShape) -> Judged {
    let value = match shape {
        ResultShape::Cookie => {
            let (inner, rules) = match source.below(4) {
                1 => (lossy(source), vec![Rule::LossyJson]),
                2 => (not_json(source), vec![Rule::NotJson]),
                _ => (plain(source), vec![]),
            };
            let inner = if source.chance(64) { Observed::List(vec![Observed::None, inner]) } else { inner };
            return (dict(vec![("k", inner)]), rules);
        }
        ResultShape::Passwords => match source.below(5) {
            1 => Observed::List(vec![]),
            2 => Observed::Tuple(vec![text("Qx-one")]),
            3 => return (Observed::List(vec![Observed::BrokenStr("Qx\\udc80-one".into())]), vec![Rule::NotJson]),
            4 => return (Observed::List(vec![Observed::Cycle]), vec![Rule::NotJson]),
            _ => Observed::List(vec![text("Qx-one"), text("Qx-two")]),
        },
        ResultShape::PrivateKeys => {
            let items = vec![text("ssh-rsa"), text(PEM)];
            Observed::List(vec![if source.chance(128) { Observed::List(items) } else { Observed::Tuple(items) }])
        }
        ResultShape::TotpCodes => Observed::List(vec![dict(vec![
            ("unix_time", Observed::Int(1)),
            ("period", Observed::Int(30)),
            ("code", text("Qx-123456")),
        ])]),
        ResultShape::OptionalText => source.pick(&[text("Qx-a"), Observed::None]).clone(),
        ResultShape::Bool => Observed::Bool(source.chance(128)),
        ResultShape::Groups => match source.below(2) {
            1 => Observed::Tuple(vec![text("Qx-a")]),
            _ => Observed::List(vec![]),
        },
        ResultShape::AnyJson => {
            source.pick(&[Observed::Tuple(vec![Observed::Int(1)]), Observed::Int(i64::MAX)]).clone()
        }
        ResultShape::Verdict => source.pick(&[text("ACCEPT"), Observed::None, text("NONE"), text("DENY")]).clone(),
        ResultShape::Question => Observed::Tuple(vec![text("k"), text("p"), Observed::Bool(true)]),
        ResultShape::Text => text("Qx-b"),
    };
    (value, vec![])
}

/// A result of the hook of `spec`, and the rules of its findings, one for each finding.
pub(super) fn result(
    source: &mut Source<'_, '_>,
    spec: &HookSpec,
    plugin_type: PluginType,
    platform: &Platform,
) -> (Observed, Vec<Rule>) {
    if source.chance(24) {
        return (Observed::None, Vec::new());
    }
    if source.chance(40) {
        let values = [
            Observed::List(vec![text("Qx-one")]),
            text("Qx-one"),
            Observed::Int(0),
            Observed::Bool(true),
            Observed::Tuple(vec![]),
            Observed::Bytes(vec![1]),
            Observed::Set(vec![]),
            Observed::Float(f64::NAN),
            Observed::List(vec![Observed::Cycle]),
            object("main.Thing"),
            object("generator"),
            object("object"),
            Observed::BrokenStr("\\ud800".into()),
            object("module"),
        ];
        let rules = if spec.result_dropped { Vec::new() } else { vec![Rule::ReturnType] };
        return (source.pick(&values).clone(), rules);
    }
    let mut entries: Vec<(Observed, Observed)> = Vec::new();
    let mut rules: Vec<Rule> = Vec::new();
    for _ in 0..source.below(4) {
        let (key, (value, broken)) = match source.below(8) {
            7 => unknown(source, plugin_type),
            kind => {
                let known: Vec<&ResultKey> = spec.result.iter().filter(|key| key.since <= platform.api).collect();
                if known.is_empty() {
                    continue;
                }
                let key = **source.pick(&known);
                (text(key.name), if kind == 6 { wrong(source, key.shape) } else { right(source, key.shape) })
            }
        };
        if entries.iter().all(|(known, _)| *known != key) {
            entries.push((key, value));
            rules.extend(broken);
        }
    }
    if spec.result_dropped {
        rules.clear();
    }
    (Observed::Dict(entries), rules)
}

/// A key that is not in the contract, with a value.
fn unknown(source: &mut Source<'_, '_>, plugin_type: PluginType) -> (Observed, Judged) {
    let keys = [text("pasword"), text(""), text("Cookie"), Observed::Int(5), Observed::None, Observed::Bytes(vec![1])];
    let key = source.pick(&keys).clone();
    let mut rules = Vec::new();
    if plugin_type != PluginType::Aa {
        rules.push(Rule::ReturnKeyUnknown);
    }
    if matches!(key, Observed::Bytes(_)) {
        rules.push(Rule::NotJson);
        return (key, (Observed::Int(1), rules));
    }
    if source.chance(96) {
        rules.push(Rule::NotJson);
        return (key, (not_json(source), rules));
    }
    (key, (plain(source), rules))
}
