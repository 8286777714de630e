//! Dicts that the plugin did not make: `session_cookie` as other plugins left it, foreign cookies, and
//! `key_value_pairs` as users typed them.

use crate::{
    case::Value,
    generate::{
        domain::SHARED_KEYS,
        source::DomainSource,
        text::{ANSWERS, USERS, secret, typed},
    },
};

/// How deep dicts and lists may be nested.
pub(super) const DEPTH_LIMIT: usize = 3;

/// Keys that no known plugin reads.
const OTHER_KEYS: &[&str] = &["ticket", "reason", "user", "", "0", "__class__", "Schlüssel", "a.b", "%s"];

/// The keys of `key_value_pairs` that the SDK reads \[S\].
const PAIR_KEYS: &[&str] = &["username", "gu", "otp"];

/// `session_cookie` as other plugins left it; empty half of the time.
pub(super) fn session_cookie(source: &mut DomainSource<'_, '_>) -> Value {
    if !source.deviates(128) {
        return Value::empty_dict();
    }
    // A real plugin that runs before most often leaves the user's answers there.
    if source.byte() < 64 {
        let questions = Value::Dict(entries(source, answers_entry));
        return Value::Dict(vec![("questions".to_owned(), questions)]);
    }
    Value::Dict(entries(source, |source| {
        let key = match source.byte() {
            0..110 => SHARED_KEYS[source.below(SHARED_KEYS.len())].to_owned(),
            110.. => key(source),
        };
        let value = if key == "questions" && source.byte() < 160 {
            Value::Dict(entries(source, answers_entry))
        } else {
            any(source, DEPTH_LIMIT)
        };
        (key, value)
    }))
}

/// A `cookie` that the plugin gets although it never returned it.
pub(super) fn foreign_cookie(source: &mut DomainSource<'_, '_>) -> Value {
    Value::Dict(entries(source, |source| (key(source), any(source, DEPTH_LIMIT))))
}

/// `key_value_pairs`, which a user or a client typed. `username` is the user's name if the gateway did not ask \[A\].
pub(super) fn key_value_pairs(source: &mut DomainSource<'_, '_>, username: Option<&str>) -> Value {
    let mut pairs = Value::empty_dict();
    if let Some(username) = username {
        pairs.set("username", username.into());
    }
    for _ in 0..pair_count(source) {
        let key = match source.byte() {
            0..90 => PAIR_KEYS[source.below(PAIR_KEYS.len())].to_owned(),
            90.. => key(source),
        };
        let value = match key.as_str() {
            "otp" => secret(source),
            "username" | "gu" => typed(source, USERS),
            _ => answer(source),
        };
        pairs.set(&key, value.into());
    }
    pairs
}

fn pair_count(source: &mut DomainSource<'_, '_>) -> usize {
    match source.byte() {
        0..100 => 0,
        100..180 => 1,
        180..230 => 2,
        230.. => 3,
    }
}

/// A user's answer. It is mostly distinctive, because the question may have the echo off, which makes the answer a
/// secret. Sometimes it is a value of the configuration: a plugin that keeps its users' PINs there accepts nothing
/// else.
pub(super) fn answer(source: &mut DomainSource<'_, '_>) -> String {
    let values = &source.domain.tables().values;
    match source.byte() {
        0..140 => secret(source),
        140..172 if !values.is_empty() => source.pick(values).clone(),
        _ => typed(source, ANSWERS),
    }
}

fn answers_entry(source: &mut DomainSource<'_, '_>) -> (String, Value) {
    let key = key(source);
    // Answers are text; another plugin may still have left something else there.
    let value = if source.is_unusual() { any(source, 1) } else { Value::Str(typed(source, ANSWERS)) };
    (key, value)
}

/// One to four entries with different keys.
fn entries(
    source: &mut DomainSource<'_, '_>,
    mut entry: impl FnMut(&mut DomainSource<'_, '_>) -> (String, Value),
) -> Vec<(String, Value)> {
    let count = match source.byte() {
        0..130 => 1,
        130..200 => 2,
        200..240 => 3,
        240.. => 4,
    };
    let mut entries: Vec<(String, Value)> = Vec::with_capacity(count);
    for _ in 0..count {
        let (key, value) = entry(source);
        if entries.iter().all(|(known, _)| *known != key) {
            entries.push((key, value));
        }
    }
    entries
}

/// A key, mostly one that the plugin reads.
pub(super) fn key(source: &mut DomainSource<'_, '_>) -> String {
    let tables = source.domain.tables();
    match source.byte() {
        0..170 if !tables.keys.is_empty() => source.text(&tables.keys).to_owned(),
        170..210 if !tables.strings.is_empty() => source.text(&tables.strings).to_owned(),
        0..230 => source.text(SHARED_KEYS).to_owned(),
        230.. => source.text(OTHER_KEYS).to_owned(),
    }
}

/// Any value that JSON can carry, nested at most `depth` deep.
pub(super) fn any(source: &mut DomainSource<'_, '_>, depth: usize) -> Value {
    match source.byte() {
        0..110 => Value::Str(typed(source, ANSWERS)),
        110..130 => Value::Null,
        130..150 => Value::Bool(source.byte() >= 128),
        150..175 => Value::Int(int(source)),
        175..185 => Value::Float(*source.pick(&[0.5, 0.0, -1.5, 1e300, 0.1])),
        185..215 if depth > 0 => {
            let count = source.below(4);
            Value::List((0..count).map(|_| any(source, depth - 1)).collect())
        }
        215.. if depth > 0 => {
            if source.byte() < 40 {
                return Value::empty_dict();
            }
            Value::Dict(entries(source, |source| (key(source), any(source, depth - 1))))
        }
        185.. => Value::Str(String::new()),
    }
}

fn int(source: &mut DomainSource<'_, '_>) -> i64 {
    let own = &source.domain.tables().numbers;
    match source.byte() {
        0..100 if !own.is_empty() => *source.pick(own),
        0..180 => *source.pick(&[0, 1, -1, 2, 22, 100]),
        180..220 => i64::from(source.two_bytes()),
        220.. => *source.pick(&[1 << 31, -(1 << 31), 1 << 53, i64::MAX, i64::MIN]),
    }
}
