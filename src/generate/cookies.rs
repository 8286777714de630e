//! Dicts that others made: what other plugins left in `session_cookie`, foreign cookies, and what users typed into
//! `key_value_pairs`.

use crate::{
    case::Value,
    generate::{
        choices::Choices,
        domain::SHARED_KEYS,
        text::{ANSWERS, USERS, secret, typed},
    },
};

/// How deep dicts and lists lie in each other.
pub(super) const DEPTH_LIMIT: usize = 3;

/// Keys that no plugin in particular reads.
const OTHER_KEYS: &[&str] = &["ticket", "reason", "user", "", "0", "__class__", "Schlüssel", "a.b", "%s"];

/// What the SDK reads of `key_value_pairs` \[S\].
const PAIR_KEYS: &[&str] = &["username", "gu", "otp"];

/// What other plugins left in `session_cookie`. Nothing, half of the time.
pub(super) fn session_cookie(choices: &mut Choices<'_, '_>) -> Value {
    if !choices.strays(128) {
        return Value::empty_dict();
    }
    // Most often what a plugin in front really leaves there: the user's answers.
    if choices.byte() < 64 {
        let questions = Value::Dict(entries(choices, answers_entry));
        return Value::Dict(vec![("questions".to_owned(), questions)]);
    }
    Value::Dict(entries(choices, |choices| {
        let key = match choices.byte() {
            0..110 => SHARED_KEYS[choices.below(SHARED_KEYS.len())].to_owned(),
            110.. => key(choices),
        };
        let value = if key == "questions" && choices.byte() < 160 {
            Value::Dict(entries(choices, answers_entry))
        } else {
            any(choices, DEPTH_LIMIT)
        };
        (key, value)
    }))
}

/// What the plugin never returned, and gets as its own `cookie`.
pub(super) fn foreign_cookie(choices: &mut Choices<'_, '_>) -> Value {
    Value::Dict(entries(choices, |choices| (key(choices), any(choices, DEPTH_LIMIT))))
}

/// What a user or a client typed. `username` is who it is where the gateway did not ask \[A\].
pub(super) fn key_value_pairs(choices: &mut Choices<'_, '_>, username: Option<&str>) -> Value {
    let mut pairs = Value::empty_dict();
    if let Some(username) = username {
        pairs.set("username", username.into());
    }
    for _ in 0..pair_count(choices) {
        let key = match choices.byte() {
            0..90 => PAIR_KEYS[choices.below(PAIR_KEYS.len())].to_owned(),
            90.. => key(choices),
        };
        let value = match key.as_str() {
            "otp" => secret(choices),
            "username" | "gu" => typed(choices, USERS),
            _ => answer(choices),
        };
        pairs.set(&key, value.into());
    }
    pairs
}

fn pair_count(choices: &mut Choices<'_, '_>) -> usize {
    match choices.byte() {
        0..100 => 0,
        100..180 => 1,
        180..230 => 2,
        230.. => 3,
    }
}

/// What a user answers: mostly distinctive, since the question may have been asked with the echo off. Now and then what
/// the configuration holds, or no session would get past a plugin that keeps its users' PINs there.
pub(super) fn answer(choices: &mut Choices<'_, '_>) -> String {
    let values = &choices.domain.tables().values;
    match choices.byte() {
        0..140 => secret(choices),
        140..172 if !values.is_empty() => choices.pick(values).clone(),
        _ => typed(choices, ANSWERS),
    }
}

fn answers_entry(choices: &mut Choices<'_, '_>) -> (String, Value) {
    let key = key(choices);
    // Answers are text; what is not was put there by a plugin that thinks otherwise.
    let value = if choices.is_odd() { any(choices, 1) } else { Value::Str(typed(choices, ANSWERS)) };
    (key, value)
}

/// One to four entries, each key once.
fn entries(
    choices: &mut Choices<'_, '_>,
    mut entry: impl FnMut(&mut Choices<'_, '_>) -> (String, Value),
) -> Vec<(String, Value)> {
    let count = match choices.byte() {
        0..130 => 1,
        130..200 => 2,
        200..240 => 3,
        240.. => 4,
    };
    let mut entries: Vec<(String, Value)> = Vec::with_capacity(count);
    for _ in 0..count {
        let (key, value) = entry(choices);
        if entries.iter().all(|(known, _)| *known != key) {
            entries.push((key, value));
        }
    }
    entries
}

/// A key, most often one that the plugin reads.
pub(super) fn key(choices: &mut Choices<'_, '_>) -> String {
    let tables = choices.domain.tables();
    match choices.byte() {
        0..170 if !tables.keys.is_empty() => choices.text(&tables.keys).to_owned(),
        170..210 if !tables.strings.is_empty() => choices.text(&tables.strings).to_owned(),
        0..230 => choices.text(SHARED_KEYS).to_owned(),
        230.. => choices.text(OTHER_KEYS).to_owned(),
    }
}

/// Whatever JSON can carry, at most `depth` deep.
pub(super) fn any(choices: &mut Choices<'_, '_>, depth: usize) -> Value {
    match choices.byte() {
        0..110 => Value::Str(typed(choices, ANSWERS)),
        110..130 => Value::Null,
        130..150 => Value::Bool(choices.byte() >= 128),
        150..175 => Value::Int(int(choices)),
        175..185 => Value::Float(*choices.pick(&[0.5, 0.0, -1.5, 1e300, 0.1])),
        185..215 if depth > 0 => {
            let count = choices.below(4);
            Value::List((0..count).map(|_| any(choices, depth - 1)).collect())
        }
        215.. if depth > 0 => {
            if choices.byte() < 40 {
                return Value::empty_dict();
            }
            Value::Dict(entries(choices, |choices| (key(choices), any(choices, depth - 1))))
        }
        185.. => Value::Str(String::new()),
    }
}

fn int(choices: &mut Choices<'_, '_>) -> i64 {
    let own = &choices.domain.tables().numbers;
    match choices.byte() {
        0..100 if !own.is_empty() => *choices.pick(own),
        0..180 => *choices.pick(&[0, 1, -1, 2, 22, 100]),
        180..220 => i64::from(choices.two_bytes()),
        220.. => *choices.pick(&[1 << 31, -(1 << 31), 1 << 53, i64::MAX, i64::MIN]),
    }
}
