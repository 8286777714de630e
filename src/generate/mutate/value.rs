//! Changes one value into another: a dict or list grows, shrinks or changes in one of its parts, a leaf becomes another.

use super::text;
use crate::{
    case::Value,
    generate::{choices::Choices, cookies, mutate::Dictionary},
};

/// The most entries that a dict or list is grown to.
const ENTRIES_LIMIT: usize = 40;

/// What a value may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// Text, as in `key_value_pairs` and `gateway_groups`.
    Texts,
    /// Whatever JSON can carry.
    Any,
}

/// Changes `value`, or one of its parts. It may come out as it was.
pub(super) fn change<'d>(
    value: &mut Value,
    parts: Parts,
    choices: &mut Choices<'d, '_>,
    dictionary: &'d Dictionary,
    depth: usize,
) {
    // Rarely it becomes something else altogether.
    let is_whole = depth == cookies::DEPTH_LIMIT;
    if parts == Parts::Any && !is_whole && choices.byte() < 24 {
        *value = part(parts, choices, dictionary, depth);
        return;
    }
    match value {
        Value::Dict(entries) => {
            let into = !entries.is_empty() && depth > 0 && choices.byte() < 140;
            if into {
                let at = choices.below(entries.len());
                change(&mut entries[at].1, parts, choices, dictionary, depth - 1);
            } else {
                change_dict(entries, parts, choices, dictionary, depth);
            }
        }
        Value::List(items) => {
            let into = !items.is_empty() && depth > 0 && choices.byte() < 140;
            if into {
                let at = choices.below(items.len());
                change(&mut items[at], parts, choices, dictionary, depth - 1);
            } else {
                change_list(items, parts, choices, dictionary, depth);
            }
        }
        Value::Str(text) => *text = text::changed(text, choices, dictionary),
        Value::Int(number) => *number = text::number(*number, choices, dictionary),
        Value::Bool(flag) => *flag = !*flag,
        Value::Float(number) => *number = *choices.pick(&[0.0, -0.0, 0.5, -1.0, 1e300, *number + 1.0]),
        Value::Null | Value::BigInt(_) => *value = part(parts, choices, dictionary, depth),
    }
}

fn change_dict<'d>(
    entries: &mut Vec<(String, Value)>,
    parts: Parts,
    choices: &mut Choices<'d, '_>,
    dictionary: &'d Dictionary,
    depth: usize,
) {
    let at = choices.below(entries.len());
    match choices.byte() {
        0..150 => {
            let key = key(choices, dictionary);
            let value = part(parts, choices, dictionary, depth.saturating_sub(1));
            insert(entries, key, value);
        }
        150..190 if !entries.is_empty() => _ = entries.remove(at),
        190..215 if !entries.is_empty() => {
            let key = key(choices, dictionary);
            if entries.iter().all(|(known, _)| *known != key) {
                entries[at].0 = key;
            }
        }
        215..235 if !entries.is_empty() => {
            let (key, value) = (key(choices, dictionary), entries[at].1.clone());
            insert(entries, key, value);
        }
        235..242 => entries.reverse(),
        _ => entries.clear(),
    }
}

/// Sets `key`, in its place or at the end.
pub(super) fn insert(entries: &mut Vec<(String, Value)>, key: String, value: Value) {
    match entries.iter().position(|(known, _)| *known == key) {
        Some(at) => entries[at].1 = value,
        None if entries.len() < ENTRIES_LIMIT => entries.push((key, value)),
        None => {}
    }
}

fn change_list<'d>(
    items: &mut Vec<Value>,
    parts: Parts,
    choices: &mut Choices<'d, '_>,
    dictionary: &'d Dictionary,
    depth: usize,
) {
    let at = choices.below(items.len());
    let can_grow = items.len() < ENTRIES_LIMIT;
    match choices.byte() {
        0..130 if can_grow => items.insert(at, part(parts, choices, dictionary, depth.saturating_sub(1))),
        130..170 if !items.is_empty() => _ = items.remove(at),
        170..200 if can_grow && !items.is_empty() => items.insert(at, items[at].clone()),
        200..215 => items.reverse(),
        215..235 => {
            // As many as some number that the plugin knows.
            let count = dictionary.number(choices).unwrap_or(3).clamp(0, ENTRIES_LIMIT as i64) as usize;
            let filler = items.first().cloned().unwrap_or_else(|| part(parts, choices, dictionary, 0));
            items.resize(count, filler);
        }
        _ => items.clear(),
    }
}

fn key<'d>(choices: &mut Choices<'d, '_>, dictionary: &'d Dictionary) -> String {
    match choices.byte() {
        0..190 => dictionary.key(choices).map(str::to_owned),
        190..215 => dictionary.text(choices).map(std::borrow::Cow::into_owned),
        _ => None,
    }
    .unwrap_or_else(|| cookies::key(choices))
}

/// A new part.
fn part<'d>(parts: Parts, choices: &mut Choices<'d, '_>, dictionary: &'d Dictionary, depth: usize) -> Value {
    match choices.byte() {
        0..120 => Value::Str(text::word(choices, dictionary).into_owned()),
        _ if parts == Parts::Texts => Value::Str(cookies::answer(choices)),
        120..140 => dictionary.number(choices).map_or(Value::Null, Value::Int),
        140..150 => Value::empty_dict(),
        150..160 => Value::List(Vec::new()),
        160..170 => Value::Bool(true),
        170.. => cookies::any(choices, depth),
    }
}
