//! Changes a value: a dict or list grows, gets smaller or changes in one of its parts; any other value becomes another
//! one.

use super::text;
use crate::{
    case::Value,
    generate::{cookies, mutate::Dictionary, source::DomainSource},
};

/// The most entries that a dict or list grows to.
const ENTRIES_LIMIT: usize = 40;

/// The parts that a value may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// Texts, as in `key_value_pairs` and `gateway_groups`.
    Texts,
    /// Any value that JSON can carry.
    Any,
}

/// Changes `value`, or one of its parts. The value may stay the same.
pub(super) fn change<'d>(
    value: &mut Value,
    parts: Parts,
    source: &mut DomainSource<'d, '_>,
    dictionary: &'d Dictionary,
    depth: usize,
) {
    // Rarely the whole value is replaced.
    let is_whole = depth == cookies::DEPTH_LIMIT;
    if parts == Parts::Any && !is_whole && source.byte() < 24 {
        *value = part(parts, source, dictionary, depth);
        return;
    }
    match value {
        Value::Dict(entries) => {
            let into = !entries.is_empty() && depth > 0 && source.byte() < 140;
            if into {
                let at = source.below(entries.len());
                change(&mut entries[at].1, parts, source, dictionary, depth - 1);
            } else {
                change_dict(entries, parts, source, dictionary, depth);
            }
        }
        Value::List(items) => {
            let into = !items.is_empty() && depth > 0 && source.byte() < 140;
            if into {
                let at = source.below(items.len());
                change(&mut items[at], parts, source, dictionary, depth - 1);
            } else {
                change_list(items, parts, source, dictionary, depth);
            }
        }
        Value::Str(text) => *text = text::changed(text, source, dictionary),
        Value::Int(number) => *number = text::number(*number, source, dictionary),
        Value::Bool(flag) => *flag = !*flag,
        Value::Float(number) => *number = *source.pick(&[0.0, -0.0, 0.5, -1.0, 1e300, *number + 1.0]),
        Value::Null | Value::BigInt(_) => *value = part(parts, source, dictionary, depth),
    }
}

fn change_dict<'d>(
    entries: &mut Vec<(String, Value)>,
    parts: Parts,
    source: &mut DomainSource<'d, '_>,
    dictionary: &'d Dictionary,
    depth: usize,
) {
    let at = source.below(entries.len());
    match source.byte() {
        0..150 => {
            let key = key(source, dictionary);
            let value = part(parts, source, dictionary, depth.saturating_sub(1));
            insert(entries, key, value);
        }
        150..190 if !entries.is_empty() => _ = entries.remove(at),
        190..215 if !entries.is_empty() => {
            let key = key(source, dictionary);
            if entries.iter().all(|(known, _)| *known != key) {
                entries[at].0 = key;
            }
        }
        215..235 if !entries.is_empty() => {
            let (key, value) = (key(source, dictionary), entries[at].1.clone());
            insert(entries, key, value);
        }
        235..242 => entries.reverse(),
        _ => entries.clear(),
    }
}

/// Sets `key`, which keeps its position or goes to the end.
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
    source: &mut DomainSource<'d, '_>,
    dictionary: &'d Dictionary,
    depth: usize,
) {
    let at = source.below(items.len());
    let can_grow = items.len() < ENTRIES_LIMIT;
    match source.byte() {
        0..130 if can_grow => items.insert(at, part(parts, source, dictionary, depth.saturating_sub(1))),
        130..170 if !items.is_empty() => _ = items.remove(at),
        170..200 if can_grow && !items.is_empty() => items.insert(at, items[at].clone()),
        200..215 => items.reverse(),
        215..235 => {
            // The number of items is a number of the dictionary.
            let count = dictionary.number(source).unwrap_or(3).clamp(0, ENTRIES_LIMIT as i64) as usize;
            let filler = items.first().cloned().unwrap_or_else(|| part(parts, source, dictionary, 0));
            items.resize(count, filler);
        }
        _ => items.clear(),
    }
}

fn key<'d>(source: &mut DomainSource<'d, '_>, dictionary: &'d Dictionary) -> String {
    match source.byte() {
        0..190 => dictionary.key(source).map(str::to_owned),
        190..215 => dictionary.text(source).map(std::borrow::Cow::into_owned),
        _ => None,
    }
    .unwrap_or_else(|| cookies::key(source))
}

/// A new part.
fn part<'d>(parts: Parts, source: &mut DomainSource<'d, '_>, dictionary: &'d Dictionary, depth: usize) -> Value {
    match source.byte() {
        0..120 => Value::Str(text::token(source, dictionary).into_owned()),
        _ if parts == Parts::Texts => Value::Str(cookies::answer(source)),
        120..140 => dictionary.number(source).map_or(Value::Null, Value::Int),
        140..150 => Value::empty_dict(),
        150..160 => Value::List(Vec::new()),
        160..170 => Value::Bool(true),
        170.. => cookies::any(source, depth),
    }
}
