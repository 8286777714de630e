//! Input-to-state: where one side of a comparison came from the session, the other side is put there, in the form in which
//! it was compared. A branch that waits for one long text falls at once, and one that waits for three falls in three rounds.
//!
//! Nothing here knows which side the session gave: each is looked for in all that the session holds, and what hardly stands
//! there by chance is tried first. Bounded, without randomness, and each session once.

use super::{
    pattern,
    place::{Place, Root, Seen, as_text, change, meaning, values},
    spelling::{Leaf, NUMBER, Rank, SEPARATORS, respelled},
};
use crate::{
    case::{Session, Value},
    contract::Argument,
    generate::{Domain, contract_violation},
    trace::{CmpKind, CmpLogEntry},
};

/// The most sessions that one comparison gives.
const OF_ONE_LIMIT: usize = 64;
/// The most sessions in all.
const ALL_LIMIT: usize = 512;
/// The most comparisons that are looked at.
const COMPARISONS_LIMIT: usize = 1024;
/// The most items or keys of one operand that are tried.
const ITEMS_LIMIT: usize = 16;
/// The longest operand that is looked for, in bytes.
const OPERAND_BYTES_LIMIT: usize = 8192;
/// How much later comes what is put where no hook looks.
const UNSEEN: Rank = 8;

/// What is changed at once.
#[derive(Clone, Debug, PartialEq)]
enum Edit {
    /// Each of the values becomes another one.
    Set(Vec<(Place, Value)>),
    /// The dict gets a key, or another value for it.
    Key(Place, String, Value),
    /// The dict loses a key.
    NoKey(Place, String),
    /// The key of that number is renamed.
    Rename(Place, usize, String),
    /// The list gets an item.
    Item(Place, Value),
}

impl Edit {
    /// What is changed.
    fn places(&self) -> impl Iterator<Item = &Place> {
        let (several, one) = match self {
            Self::Set(values) => (&values[..], None),
            Self::Key(place, ..) | Self::NoKey(place, _) | Self::Rename(place, ..) | Self::Item(place, _) => {
                (&[][..], Some(place))
            }
        };
        several.iter().map(|(place, _)| place).chain(one)
    }
}

/// Sessions like `session` in which one side of a comparison stands where the other side came from, the likeliest first.
/// Each keeps the contract and differs from `session` and the others.
///
/// ```
/// use hookstorm::{
///     contract::{Hook, Platform, PluginType},
///     generate::{CmpLogEntry, CmpKind, Domain, PluginTokens, nominal_session, substitutions},
/// };
///
/// let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
/// let session = nominal_session(&domain, 0);
/// let user = session.calls[0].arguments.iter().find(|(argument, _)| argument.name() == "gateway_user").unwrap();
/// let (left, right) = (user.1.clone(), "breakglass-operator1".into());
/// let compared = CmpLogEntry { place: 7, kind: CmpKind::Equal, left, right, matched: false };
/// let likeliest = substitutions(&domain, &session, &[compared]);
/// let has_it = |made: &&hookstorm::case::Session| {
///     made.calls[0].arguments.iter().any(|(_, value)| value.as_str() == Some("breakglass-operator1"))
/// };
/// assert!(likeliest.iter().take(4).any(|made| has_it(&made)));
/// ```
pub fn substitutions(domain: &Domain, session: &Session, comparisons: &[CmpLogEntry]) -> Vec<Session> {
    let values = values(session);
    let places: Vec<(Place, Leaf<'_>)> = values.into_iter().map(|(place, seen)| (place, Leaf::new(seen))).collect();
    let sees = |place: &Place| {
        session.calls.iter().any(|call| match place.root {
            Root::Argument(argument) => {
                call.arguments.iter().any(|(known, _)| meaning(*known) == argument && domain.takes(call.hook, *known))
            }
            Root::SessionCookie => domain.takes(call.hook, Argument::SessionCookie),
            _ => true,
        })
    };
    let unseen: Vec<&Place> = places.iter().map(|(place, _)| place).filter(|place| !sees(place)).collect();
    let mut all: Vec<(Rank, Edit)> = Vec::new();
    for comparison in comparisons.iter().take(COMPARISONS_LIMIT) {
        let mut edits = Edits { places: &places, edits: Vec::new() };
        edits.of(comparison);
        let mut edits = edits.edits;
        for (rank, edit) in &mut edits {
            if edit.places().all(|place| unseen.contains(&place)) {
                *rank += UNSEEN;
            }
        }
        edits.sort_by_key(|(rank, _)| *rank);
        edits.truncate(OF_ONE_LIMIT);
        // A comparison that matched leads where the session went already, most often.
        let later = if comparison.matched { 4 } else { 0 };
        all.extend(edits.into_iter().map(|(rank, edit)| (rank + later, edit)));
    }
    all.sort_by_key(|(rank, _)| *rank);
    let mut sessions: Vec<Session> = Vec::new();
    for (_, edit) in all {
        if sessions.len() >= ALL_LIMIT {
            break;
        }
        if let Some(made) = made(domain, session, edit)
            && !sessions.contains(&made)
        {
            sessions.push(made);
        }
    }
    sessions
}

/// `session` with the edit, if that changes it and the contract allows it.
fn made(domain: &Domain, session: &Session, edit: Edit) -> Option<Session> {
    let mut made = session.clone();
    let is_changed = match edit {
        Edit::Set(values) => {
            // What stands there already needs no change.
            for (place, new) in values {
                change(&mut made, domain, &place, |value| {
                    *value = new;
                    true
                });
            }
            true
        }
        Edit::Key(place, key, new) => change(&mut made, domain, &place, |dict| {
            dict.set(&key, new);
            true
        }),
        Edit::NoKey(place, key) => change(&mut made, domain, &place, |dict| {
            if let Value::Dict(entries) = dict {
                entries.retain(|(known, _)| *known != key);
            }
            true
        }),
        Edit::Rename(place, at, key) => change(&mut made, domain, &place, |dict| match dict {
            Value::Dict(entries) if entries.iter().all(|(known, _)| *known != key) => {
                entries.get_mut(at).map(|entry| entry.0 = key).is_some()
            }
            _ => false,
        }),
        Edit::Item(place, item) => change(&mut made, domain, &place, |list| {
            if let Value::List(items) = list {
                items.push(item);
            }
            true
        }),
    };
    (is_changed && made != *session && contract_violation(&made, domain).is_none()).then_some(made)
}

struct Edits<'p, 's> {
    places: &'p [(Place, Leaf<'s>)],
    edits: Vec<(Rank, Edit)>,
}

impl Edits<'_, '_> {
    fn of(&mut self, comparison: &CmpLogEntry) {
        let CmpLogEntry { left, right, .. } = comparison;
        if [left, right].iter().any(|operand| operand.as_str().is_some_and(|text| text.len() > OPERAND_BYTES_LIMIT)) {
            return;
        }
        match comparison.kind {
            CmpKind::Equal if left == right => {}
            CmpKind::Equal => {
                self.replace(0, left, right);
                self.replace(0, right, left);
            }
            CmpKind::Order => {
                for (found, bound) in [(left, right), (right, left)] {
                    for (rank, wanted) in around(bound).into_iter().enumerate() {
                        self.replace(rank as Rank, found, &wanted);
                    }
                }
            }
            CmpKind::Contains => self.contains(left, right),
            CmpKind::Key => self.key(left, right, comparison.matched),
            CmpKind::Prefix | CmpKind::Suffix => {
                let affixes = match right {
                    Value::List(items) => &items[..items.len().min(ITEMS_LIMIT)],
                    one => std::slice::from_ref(one),
                };
                for affix in affixes {
                    self.affix(comparison.kind == CmpKind::Prefix, left, affix);
                }
            }
            CmpKind::Pattern => {
                if let Value::Str(pattern) = right {
                    for (rank, text) in pattern::matches(pattern).into_iter().enumerate() {
                        self.replace(rank as Rank, left, &text.into());
                    }
                }
            }
        }
    }

    /// Puts `wanted` where `found` came from.
    fn replace(&mut self, rank: Rank, found: &Value, wanted: &Value) {
        if found == wanted {
            return;
        }
        for (place, leaf) in self.places {
            let edits = &mut self.edits;
            respelled(leaf, found, wanted, |more, value| {
                edits.push((rank + more, Edit::Set(vec![(place.clone(), value)])));
            });
            if let (Value::Str(found), Some(wanted), Seen::Value(Value::Dict(entries))) =
                (found, as_text(wanted), leaf.seen)
                && place.root != Root::Services
                && let Some(at) = entries.iter().position(|(key, _)| key == found)
            {
                edits.push((rank + 2, Edit::Rename(place.clone(), at, wanted)));
            }
        }
        if let (Value::Str(found), Value::Str(wanted)) = (found, wanted) {
            // Everywhere at once: what was equal before stays so.
            let same = self.places.iter().filter(|(_, leaf)| leaf.seen == Seen::Text(found) && !found.is_empty());
            let same: Vec<_> = same.map(|(place, _)| (place.clone(), Value::text(wanted.as_str()))).collect();
            self.joined(rank, found, wanted, &same);
            self.halves(rank, found, wanted, &same);
            if same.len() > 1 {
                self.edits.push((rank + 1, Edit::Set(same)));
            }
        }
    }

    /// Puts the parts of `wanted` where those of `found` came from, each in a place of its own, and all of it in `same`.
    fn joined(&mut self, rank: Rank, found: &str, wanted: &str, same: &[(Place, Value)]) {
        for separator in SEPARATORS.iter().filter(|separator| !separator.is_empty() && found.contains(**separator)) {
            let (old, new): (Vec<&str>, Vec<&str>) =
                (found.split(separator).collect(), wanted.split(separator).collect());
            if old.len() != new.len() || old.len() > ITEMS_LIMIT {
                continue;
            }
            let changed = old.iter().zip(&new).filter(|(old, new)| old != new);
            let places = changed.map(|(old, new)| {
                let leaf = self.places.iter().find(|(_, leaf)| leaf.is_like(old))?;
                Some((leaf.0.clone(), Value::text(*new)))
            });
            if let Some(mut places) = places.collect::<Option<Vec<_>>>()
                && places.len() + same.len() > 1
            {
                places.extend(same.iter().cloned());
                self.edits.push((rank + 1, Edit::Set(places)));
            }
        }
    }

    /// Puts both halves of `wanted` where those of `found` came from, whatever stands between them; a half that is not there
    /// goes where nothing is yet.
    fn halves(&mut self, rank: Rank, found: &str, wanted: &str, same: &[(Place, Value)]) {
        let text = |leaf: &Leaf<'_>| match leaf.seen {
            Seen::Text(text) if text.len() < found.len() => Some(text.to_owned()),
            Seen::Value(Value::Null) => Some(String::new()),
            _ => None,
        };
        let arguments = self.places.iter().filter(|(place, _)| matches!(place.root, Root::Argument(_)));
        let texts: Vec<(&Place, String)> = arguments.filter_map(|(place, leaf)| Some((place, text(leaf)?))).collect();
        let starts = texts.iter().filter(|(_, text)| found.starts_with(text.as_str())).take(ITEMS_LIMIT);
        let ends: Vec<_> = texts.iter().filter(|(_, text)| found.ends_with(text.as_str())).take(ITEMS_LIMIT).collect();
        for (first, start) in starts {
            for (second, end) in ends.iter().filter(|(place, _)| place != first) {
                let Some(between) = found.get(start.len()..found.len() - end.len()) else { continue };
                if !SEPARATORS.contains(&between) || between.is_empty() {
                    continue;
                }
                if let Some((before, after)) = wanted.split_once(between) {
                    let halves = [((*first).clone(), before), ((*second).clone(), after)];
                    let halves = halves.map(|(place, half)| (place, Value::text(half)));
                    let is_empty = start.is_empty() || end.is_empty();
                    let edit = Edit::Set(halves.into_iter().chain(same.iter().cloned()).collect());
                    self.edits.push((rank + 1 + 2 * u8::from(is_empty), edit));
                }
            }
        }
    }

    /// `left in right`.
    fn contains(&mut self, left: &Value, right: &Value) {
        match right {
            Value::List(items) => {
                for item in items.iter().take(ITEMS_LIMIT) {
                    self.replace(0, left, item);
                }
                for (place, leaf) in self.places {
                    if let Seen::Value(Value::List(own)) = leaf.seen {
                        // Plugins fold and strip the items of a list before they look.
                        let is_it =
                            own.len() == items.len() && own.iter().zip(items).all(|(own, item)| is_alike(own, item));
                        let rank = if own == items {
                            0
                        } else if is_it {
                            1
                        } else {
                            5
                        };
                        self.edits.push((rank, Edit::Item(place.clone(), left.clone())));
                    }
                }
            }
            Value::Str(text) => {
                self.replace(1, left, right);
                for separator in [",", " ", ";"] {
                    for part in text.split(separator).map(str::trim).filter(|part| *part != text).take(ITEMS_LIMIT) {
                        self.replace(2, left, &part.into());
                    }
                }
                if let Value::Str(part) = left {
                    let half = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
                    for (rank, wanted) in [
                        [text.as_str(), part, ""],
                        [part, text, ""],
                        [text, part, text],
                        [&text[..half], part, &text[half..]],
                        [part, "", ""],
                    ]
                    .into_iter()
                    .enumerate()
                    {
                        self.replace(rank as Rank, right, &wanted.concat().into());
                    }
                }
            }
            _ => {}
        }
    }

    /// `right[left]`, where `right` has those keys.
    fn key(&mut self, left: &Value, right: &Value, matched: bool) {
        let keys = match right {
            Value::List(keys) => &keys[..],
            _ => &[],
        };
        for key in keys.iter().take(ITEMS_LIMIT) {
            self.replace(1, left, key);
        }
        if matched {
            for beyond in beyond(keys) {
                self.replace(0, left, &beyond.into());
            }
        }
        let Some(key) = as_text(left) else { return };
        for (place, leaf) in self.places {
            let Seen::Value(Value::Dict(entries)) = leaf.seen else { continue };
            let has = |key: &str| keys.iter().any(|known| known.as_str() == Some(key));
            let is_within = entries.iter().all(|(key, _)| has(key));
            let rank = match (is_within, entries.len() == keys.len()) {
                (true, true) => 0,
                (true, false) if !entries.is_empty() => 3,
                // A default may have stood in for it.
                _ if place.path.is_empty() && place.root != Root::Services => 5,
                _ => continue,
            };
            if entries.iter().any(|(known, _)| *known == key) {
                if matched && rank == 0 {
                    self.edits.push((3, Edit::NoKey(place.clone(), key.clone())));
                }
                continue;
            }
            let texts = [format!("{key}-value").into(), NUMBER.into()];
            let others = [Value::empty_dict(), Value::List(Vec::new()), Value::Bool(true), Value::Int(1), Value::Null];
            let is_pairs = place.root == Root::Argument(Argument::KeyValuePairs);
            let values = texts.into_iter().chain(others.into_iter().filter(|_| !is_pairs));
            for (index, value) in values.enumerate() {
                self.edits.push((rank + (index as Rank).min(3), Edit::Key(place.clone(), key.clone(), value)));
            }
        }
    }

    /// `left.startswith(affix)` or `left.endswith(affix)`.
    fn affix(&mut self, is_prefix: bool, left: &Value, affix: &Value) {
        let (Value::Str(text), Value::Str(part)) = (left, affix) else { return };
        let with = |rest: &str| Value::Str(if is_prefix { [part, rest].concat() } else { [rest, part].concat() });
        // In place of as many characters, in front of all, alone.
        let (shared, count) = (text.chars().count(), part.chars().count());
        let boundary = |number: usize| text.char_indices().nth(number).map_or(text.len(), |(at, _)| at);
        let rest = match is_prefix {
            true => &text[boundary(count)..],
            false => &text[..boundary(shared.saturating_sub(count))],
        };
        self.replace(0, left, &with(text));
        self.replace(1, left, &with(rest));
        // From where the affix begins or ends already.
        let inner = match is_prefix {
            true => part.chars().next_back().and_then(|last| text.split_once(last)).map(|(_, rest)| rest),
            false => part.chars().next().and_then(|first| text.rsplit_once(first)).map(|(rest, _)| rest),
        };
        if let Some(inner) = inner {
            self.replace(1, left, &with(inner));
        }
        self.replace(1, left, affix);
        self.replace(2, left, &with("1"));
        // The session may have given the affix.
        self.replace(2, affix, left);
        if let Some(one) = if is_prefix { text.chars().next() } else { text.chars().next_back() } {
            self.replace(3, affix, &one.to_string().into());
        }
    }
}

/// What is equal to `bound`, and next to it on both sides.
fn around(bound: &Value) -> Vec<Value> {
    match bound {
        Value::Int(number) => [Some(*number), number.checked_add(1), number.checked_sub(1)]
            .into_iter()
            .flatten()
            .map(Value::Int)
            .collect(),
        Value::Str(text) => {
            let mut less = text.clone();
            less.pop();
            vec![text.as_str().into(), format!("{text}0").into(), less.into()]
        }
        Value::Float(number) => {
            let near = [number.round(), number.floor() - 1.0, number.ceil() + 1.0];
            // Ints where the session has them; beyond 64 bits nothing is near.
            near.into_iter().filter(|near| near.abs() < 9e15).map(|near| Value::Int(near as i64)).collect()
        }
        other => vec![other.clone()],
    }
}

/// Numbers that are no key where all keys are numbers: next to them, and the largest with as many digits.
fn beyond(keys: &[Value]) -> Vec<i64> {
    let number = |key: &Value| match key {
        Value::Int(number) => Some(*number),
        _ => None,
    };
    let Some(numbers) = keys.iter().map(number).collect::<Option<Vec<i64>>>() else { return Vec::new() };
    let (Some(least), Some(most)) = (numbers.iter().min(), numbers.iter().max()) else { return Vec::new() };
    let digits = most.unsigned_abs().checked_ilog10().unwrap_or_default() + 1;
    let longest = 10_i64.checked_pow(digits).map(|power| power - 1);
    let mut beyond: Vec<i64> = [most.checked_add(1), longest, least.checked_sub(1)].into_iter().flatten().collect();
    beyond.retain(|number| !numbers.contains(number));
    beyond
}

/// Whether two items are the same but for case and blanks.
fn is_alike(own: &Value, item: &Value) -> bool {
    own == item
        || item.as_str().is_some_and(|item| own.as_str().is_some_and(|own| Leaf::new(Seen::Text(own)).is_like(item)))
}
