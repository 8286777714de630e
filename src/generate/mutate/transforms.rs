//! How a compared value may have come from a value of the session, and what the session's value must become so that the
//! same transformation gives the wanted value: none, another case, stripped, split, joined, read as a number, counted.

use std::borrow::Cow;

use super::{
    session_values::{SeenValue, as_text},
    text::resized,
};
use crate::case::Value;

/// Separators with which plugins split and join text.
pub(super) const SEPARATORS: &[&str] =
    &["@", "\\", ":", "/", ",", ", ", ".", "-", "_", "#", "=", ";", "|", "://", " ", "\n", ""];
/// The most positions in a text at which a part is replaced.
const OCCURRENCES_LIMIT: usize = 3;
/// The most characters, items or entries that a value grows to.
const COUNT_LIMIT: i64 = 4096;
/// The shortest part that hardly occurs by chance, in bytes.
const TELLING_BYTES: usize = 3;

/// A number as text that occurs nowhere else.
pub(super) const NUMBER: &str = "4099";
/// Numbers by which plugins divide.
const DIVISORS: &[i64] = &[1000, 100, 10, 10_000, 1_000_000, 60, 3600, 1024, 2];

/// The largest number that is taken for an addend.
const NEAR: u64 = 16;

/// How unlikely a transformation is; 0 is the likeliest.
pub(super) type Rank = u8;

/// A value of the session, with its folded text, which is searched often.
#[derive(Debug)]
pub(super) struct Leaf<'s> {
    pub(super) seen: SeenValue<'s>,
    folded: Cow<'s, str>,
}

impl<'s> Leaf<'s> {
    pub(super) fn new(seen: SeenValue<'s>) -> Self {
        let folded = match seen {
            SeenValue::Text(text) => folded(text),
            SeenValue::Value(_) => Cow::Borrowed(""),
        };
        Self { seen, folded }
    }

    /// Whether this is `text`, apart from case and blanks around it.
    pub(super) fn is_like(&self, text: &str) -> bool {
        matches!(self.seen, SeenValue::Text(own) if own == text || (!text.is_empty() && self.folded == folded(text)))
    }
}

/// `text` in lower case and without blanks around it, as plugins often compare it.
fn folded(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim();
    match trimmed.chars().any(|character| character.is_uppercase() || !character.is_ascii()) {
        true => Cow::Owned(trimmed.to_lowercase()),
        false => Cow::Borrowed(trimmed),
    }
}

/// Calls `push` with each value that `leaf` may become so that the plugin compares `wanted` instead of `found`, in any
/// order.
pub(super) fn inverted(leaf: &Leaf<'_>, found: &Value, wanted: &Value, mut push: impl FnMut(Rank, Value)) {
    match (found, leaf.seen) {
        (Value::Str(found), SeenValue::Text(own)) => texts(own, leaf, found, wanted, push),
        (Value::Int(found), SeenValue::Text(own)) => number_in_text(own, *found, wanted, push),
        (Value::List(found), SeenValue::Text(own)) => {
            let Some(wanted) = text_items(wanted) else { return };
            let is_split = |separator: &&&str| !separator.is_empty() && is_same_texts(own.split(**separator), found);
            if let Some(separator) = SEPARATORS.iter().find(is_split) {
                push(1, Value::Str(wanted.join(separator)));
            } else if is_same_texts(own.split_whitespace(), found) {
                push(1, Value::Str(wanted.join(" ")));
            }
        }
        (found, SeenValue::Value(own)) if found == own => push(0, wanted.clone()),
        (Value::Int(found), SeenValue::Value(Value::Int(own))) => {
            if let Value::Int(wanted) = wanted {
                computed(*own, *found, *wanted, |number| push(4, Value::Int(number)));
            }
        }
        // `user or ""`
        (Value::Str(found), SeenValue::Value(Value::Null)) if found.is_empty() => push(3, wanted.clone()),
        (Value::Str(found), SeenValue::Value(Value::Int(own))) if own.to_string() == *found => {
            push(1, number_of(wanted).map_or_else(|| wanted.clone(), Value::Int));
        }
        (Value::Str(found), SeenValue::Value(Value::List(items))) if !items.is_empty() => {
            let Some(texts) = items.iter().map(Value::as_str).collect::<Option<Vec<&str>>>() else { return };
            if let (Some(separator), Value::Str(wanted)) =
                (SEPARATORS.iter().find(|separator| texts.join(separator) == *found), wanted)
            {
                push(1, list_of(wanted, separator));
            }
        }
        // The plugin sorted the list or made a set of it.
        (Value::List(found), SeenValue::Value(Value::List(own)))
            if found.len() == own.len() && found.iter().all(|item| own.contains(item)) =>
        {
            push(1, wanted.clone());
        }
        (Value::Int(found), SeenValue::Value(Value::List(items))) if items.len() as i64 == *found => {
            let Value::Int(wanted @ 0..=COUNT_LIMIT) = wanted else { return };
            let mut items = items.clone();
            let filler = items.first().cloned().unwrap_or_else(|| "a".into());
            items.resize(*wanted as usize, filler);
            push(3, Value::List(items));
        }
        (Value::Int(found), SeenValue::Value(Value::Dict(entries))) if entries.len() as i64 == *found => {
            let Value::Int(wanted @ 0..=COUNT_LIMIT) = wanted else { return };
            let mut entries = entries.clone();
            entries.truncate(*wanted as usize);
            for number in 0..*wanted {
                let key = format!("key{number}");
                if entries.len() < *wanted as usize && entries.iter().all(|(known, _)| *known != key) {
                    entries.push((key, "a".into()));
                }
            }
            push(4, Value::Dict(entries));
        }
        _ => {}
    }
}

fn texts(own: &str, leaf: &Leaf<'_>, found: &str, wanted: &Value, mut push: impl FnMut(Rank, Value)) {
    if own == found {
        push(0, wanted.clone());
        return;
    }
    let wanted_text = as_text(wanted);
    if found.is_empty() {
        // The plugin looked for a part that is not there: add it after the text.
        if let Some(wanted) = wanted_text.filter(|wanted| !wanted.is_empty()) {
            for separator in &SEPARATORS[..6] {
                push(6, Value::Str([own, separator, &wanted].concat()));
            }
            push(6, Value::Str(own.to_owned() + &wanted));
        }
        return;
    }
    if leaf.is_like(found) {
        push(1, wanted.clone());
    }
    let Some(wanted) = wanted_text else { return };
    let by_chance = if found.len() < TELLING_BYTES { 2 } else { 0 };
    let mut is_part = false;
    for (at, part) in own.match_indices(found).take(OCCURRENCES_LIMIT) {
        is_part = true;
        let (before, after) = (&own[..at], &own[at + part.len()..]);
        push(2 + by_chance, Value::Str([before, &wanted, after].concat()));
        // The part beside it is often a number: a port, a badge, a ticket.
        for separator in SEPARATORS.iter().filter(|separator| !separator.is_empty()) {
            if before.len() > separator.len() && before.ends_with(separator) {
                push(3 + by_chance, Value::Str([NUMBER, separator, &wanted, after].concat()));
            }
            if after.len() > separator.len() && after.starts_with(separator) {
                push(3 + by_chance, Value::Str([before, &wanted, separator, NUMBER].concat()));
            }
        }
    }
    if !is_part && own.is_ascii() && found.is_ascii() {
        let (lower, part) = (own.to_ascii_lowercase(), found.to_ascii_lowercase());
        if let Some(at) = lower.find(&part) {
            is_part = true;
            push(3 + by_chance, Value::Str([&own[..at], &wanted, &own[at + part.len()..]].concat()));
        }
    }
    if is_part {
        push(5 + by_chance, Value::Str(wanted));
    } else if own.len() > 1
        && let Some(at) = found.find(own)
    {
        // The plugin put it between other texts.
        let (before, after) = (&found[..at], &found[at + own.len()..]);
        match wanted.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)) {
            Some(between) => push(2, Value::text(between)),
            None => push(5, Value::Str(wanted)),
        }
    }
}

fn number_in_text(own: &str, found: i64, wanted: &Value, mut push: impl FnMut(Rank, Value)) {
    let Some(wanted_number) = number_of(wanted) else {
        if own.trim().parse() == Ok(found) {
            push(2, wanted.clone());
        }
        return;
    };
    let digits = found.to_string();
    if own.trim().parse() == Ok(found) {
        push(1, Value::Str(wanted_number.to_string()));
    } else if let Some(at) = own.find(&digits) {
        let by_chance = if digits.len() < TELLING_BYTES { 2 } else { 0 };
        let wanted = wanted_number.to_string();
        push(2 + by_chance, Value::Str([&own[..at], &wanted, &own[at + digits.len()..]].concat()));
    }
    for (from, to) in numbers_in(own) {
        let Ok(number) = own[from..to].parse() else { continue };
        computed(number, found, wanted_number, |number| {
            push(4, Value::Str([&own[..from], &number.to_string(), &own[to..]].concat()));
        });
    }
    if (0..=COUNT_LIMIT).contains(&wanted_number) && found >= 0 {
        let wanted = wanted_number as usize;
        if own.chars().count() as i64 == found {
            push(3, Value::Str(resized(own, wanted)));
        }
        for separator in SEPARATORS.iter().filter(|separator| !separator.is_empty() && own.contains(**separator)) {
            let parts: Vec<&str> = own.split(separator).collect();
            let as_long = |(_, part): &(usize, &&str)| part.chars().count() as i64 == found;
            for (at, part) in parts.iter().enumerate().filter(as_long).take(OCCURRENCES_LIMIT) {
                let part = resized(part, wanted);
                let with = [&parts[..at], &[part.as_str()], &parts[at + 1..]].concat();
                push(4, Value::Str(with.join(separator)));
            }
        }
        // The plugin splits it at a separator that it does not have yet.
        if found == 1 && (2..64).contains(&wanted) {
            for separator in SEPARATORS.iter().filter(|separator| !separator.is_empty() && !own.contains(**separator)) {
                let start = if own.is_empty() { "a" } else { own };
                let parts: Vec<&str> = std::iter::once(start).chain(std::iter::repeat("a")).take(wanted).collect();
                push(5, Value::Str(parts.join(separator)));
            }
        }
        let parts = |separator: &&&str| !separator.is_empty() && own.split(**separator).count() as i64 == found;
        if found > 1
            && wanted > 0
            && wanted < 64
            && let Some(separator) = SEPARATORS.iter().find(parts)
        {
            let parts: Vec<&str> = own.split(separator).chain(std::iter::repeat("a")).take(wanted).collect();
            push(5, Value::Str(parts.join(separator)));
        }
    }
}

/// The positions of the first numbers in a text.
fn numbers_in(text: &str) -> Vec<(usize, usize)> {
    let mut numbers = Vec::new();
    let mut at = 0;
    while let Some(from) = text[at..].find(|character: char| character.is_ascii_digit()).map(|from| at + from)
        && numbers.len() < OCCURRENCES_LIMIT
    {
        let rest = text[from..].find(|character: char| !character.is_ascii_digit());
        at = rest.map_or(text.len(), |to| from + to);
        numbers.push((from, at));
    }
    numbers
}

/// Calls `push` with each number that `own` may become if one operation computed `found` from it: a quotient, a
/// remainder, a sum or a product.
fn computed(own: i64, found: i64, wanted: i64, mut push: impl FnMut(i64)) {
    if own == found || own < 0 || wanted < 0 || found < 0 {
        return;
    }
    for &divisor in DIVISORS {
        if own / divisor == found {
            wanted
                .checked_mul(divisor)
                .and_then(|number| number.checked_add(own % divisor))
                .into_iter()
                .for_each(&mut push);
        }
        if own % divisor == found && wanted < divisor {
            (own - found).checked_add(wanted).into_iter().for_each(&mut push);
        }
    }
    if own > 0 && found % own == 0 && found > own {
        push((wanted / (found / own)).max(1));
    }
    if found.abs_diff(own) <= NEAR {
        wanted.checked_add(own - found).into_iter().for_each(push);
    }
}

fn number_of(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Str(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn is_same_texts<'t>(texts: impl Iterator<Item = &'t str>, items: &'t [Value]) -> bool {
    texts.map(Some).eq(items.iter().map(Value::as_str)) && items.len() > 1
}

fn text_items(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::List(items) => items.iter().map(as_text).collect(),
        _ => None,
    }
}

fn list_of(text: &str, separator: &str) -> Value {
    match separator {
        "" => Value::List(text.chars().map(|character| Value::Str(character.into())).collect()),
        separator => Value::List(text.split(separator).map(Value::text).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that `own` becomes, the likeliest first.
    fn becomes(own: &Value, found: impl Into<Value>, wanted: impl Into<Value>) -> Vec<Value> {
        let seen = own.as_str().map_or(SeenValue::Value(own), SeenValue::Text);
        let mut all = Vec::new();
        inverted(&Leaf::new(seen), &found.into(), &wanted.into(), |rank, value| all.push((rank, value)));
        all.sort_by_key(|(rank, _)| *rank);
        all.into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn a_text_takes_the_form_in_which_it_was_compared() {
        let first = |own: &str, found: &str, wanted: &str| becomes(&own.into(), found, wanted).into_iter().next();
        let cases = [
            ("alice", "alice", "bob", "bob"),
            ("Alice ", "alice", "admin", "admin"),
            ("alice@lab", "lab", "corp", "alice@corp"),
            ("LAB\\alice", "lab", "corp", "corp\\alice"),
            ("alice", "user:alice/x", "user:root/x", "root"),
            ("alice", "ali", "root", "rootce"),
        ];
        for (own, found, wanted, expected) in cases {
            assert_eq!(first(own, found, wanted), Some(expected.into()), "{own}: {found} to {wanted}");
        }
        assert_eq!(first("alice", "unrelated", "bob"), None);
    }

    #[test]
    fn numbers_lengths_and_lists_take_their_form() {
        let texts = |items: &[&str]| Value::List(items.iter().map(|item| Value::text(*item)).collect());
        assert_eq!(becomes(&"22".into(), 22, 4711)[0], "4711".into());
        assert_eq!(becomes(&"CHG-815".into(), 815, 4711)[0], "CHG-4711".into());
        assert_eq!(becomes(&"alice".into(), 5, 17)[0], "alicealicealiceal".into());
        assert_eq!(becomes(&Value::Int(22), "22", "4711")[0], Value::Int(4711));
        assert_eq!(becomes(&texts(&["a", "b"]), "a,b", "x,y,z")[0], texts(&["x", "y", "z"]));
        assert_eq!(becomes(&"a:b".into(), texts(&["a", "b"]), texts(&["c", "d"]))[0], "c:d".into());
        assert_eq!(becomes(&texts(&["a"]), 1, 2)[0], texts(&["a", "a"]));
        assert_eq!(becomes(&Value::empty_dict(), 0, 1)[0].as_dict().map(<[_]>::len), Some(1));
        assert_eq!(becomes(&texts(&["b", "a"]), texts(&["a", "b"]), texts(&["c"]))[0], texts(&["c"]));
    }
}
