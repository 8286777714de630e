//! Input-to-state replacement, as in RedQueen: if one side of a comparison came from the session, the other side takes
//! its place there, in the form in which the plugin compared it. A branch that needs one long text is reached at once,
//! and a branch that needs three is reached in three rounds.
//!
//! It does not know which side came from the session, so it looks for both sides in all values of the session, and
//! tries first what hardly occurs there by chance. It is bounded, uses no randomness, and makes each session once.

use super::{
    pattern,
    session_values::{SeenValue, ValuePath, ValueRoot, as_text, change, values},
    transforms::{Leaf, NUMBER, Rank, SEPARATORS, inverted},
};
use crate::{
    case::{Session, Value},
    contract::Argument,
    generate::{Domain, contract_violation, paths::canonical},
    trace::{CmpKind, CmpLogEntry},
};

/// The most sessions for one comparison.
const OF_ONE_LIMIT: usize = 64;
/// The most sessions for all comparisons.
const ALL_LIMIT: usize = 512;
/// The most comparisons that are used.
const COMPARISONS_LIMIT: usize = 1024;
/// The most items or keys of one operand that are tried.
const ITEMS_LIMIT: usize = 16;
/// The longest operand that is looked for, in bytes.
const OPERAND_BYTES_LIMIT: usize = 8192;
/// How much a change of an argument that no hook takes adds to its rank.
const UNSEEN: Rank = 8;

/// How much a text adds to its rank on which an expression may take long. Few expressions have such a text, so those
/// that do come soon after the texts that match, although they reach no new code.
const SLOW: Rank = 2;

/// A change of a session.
#[derive(Clone, Debug, PartialEq)]
enum Edit {
    /// The values at these paths become these.
    Set(Vec<(ValuePath, Value)>),
    /// The dict gets a key, or another value for it.
    Key(ValuePath, String, Value),
    /// The dict loses a key.
    NoKey(ValuePath, String),
    /// The key with this number gets another name.
    Rename(ValuePath, usize, String),
    /// The list gets an item.
    Item(ValuePath, Value),
}

impl Edit {
    /// The paths of the values that change.
    fn paths(&self) -> impl Iterator<Item = &ValuePath> {
        let (several, one) = match self {
            Self::Set(values) => (&values[..], None),
            Self::Key(path, ..) | Self::NoKey(path, _) | Self::Rename(path, ..) | Self::Item(path, _) => {
                (&[][..], Some(path))
            }
        };
        several.iter().map(|(path, _)| path).chain(one)
    }
}

/// Sessions like `session` in which one side of a comparison is where the other side came from, the likeliest first.
/// Each keeps the contract and differs from `session` and from the others.
///
/// ```
/// use hookstorm::{
///     contract::{Hook, Platform, PluginType},
///     generate::{Domain, input_to_state, nominal_session},
///     trace::{CmpKind, CmpLogEntry, PluginTokens},
/// };
///
/// let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
/// let session = nominal_session(&domain, 0);
/// let user = session.calls[0].arguments.iter().find(|(argument, _)| argument.name() == "gateway_user").unwrap();
/// let (left, right) = (user.1.clone(), "breakglass-operator1".into());
/// let compared = CmpLogEntry { place: 7, kind: CmpKind::Equal, left, right, matched: false };
/// let likeliest = input_to_state(&domain, &session, &[compared]);
/// let has_it = |made: &&hookstorm::case::Session| {
///     made.calls[0].arguments.iter().any(|(_, value)| value.as_str() == Some("breakglass-operator1"))
/// };
/// assert!(likeliest.iter().take(4).any(|made| has_it(&made)));
/// ```
pub fn input_to_state(domain: &Domain, session: &Session, comparisons: &[CmpLogEntry]) -> Vec<Session> {
    let values = values(session);
    let leaves: Vec<(ValuePath, Leaf<'_>)> = values.into_iter().map(|(path, seen)| (path, Leaf::new(seen))).collect();
    let sees = |path: &ValuePath| {
        session.calls.iter().any(|call| match path.root {
            ValueRoot::Argument(argument) => {
                call.arguments.iter().any(|(known, _)| canonical(*known) == argument && domain.takes(call.hook, *known))
            }
            ValueRoot::SessionCookie => domain.takes(call.hook, Argument::SessionCookie),
            _ => true,
        })
    };
    let unseen: Vec<&ValuePath> = leaves.iter().map(|(path, _)| path).filter(|path| !sees(path)).collect();
    let mut all: Vec<(Rank, Edit)> = Vec::new();
    for comparison in comparisons.iter().take(COMPARISONS_LIMIT) {
        let mut edits = Edits { domain, leaves: &leaves, edits: Vec::new() };
        edits.of(comparison);
        let mut edits = edits.edits;
        for (rank, edit) in &mut edits {
            if edit.paths().all(|path| unseen.contains(&path)) {
                *rank += UNSEEN;
            }
        }
        edits.sort_by_key(|(rank, _)| *rank);
        edits.truncate(OF_ONE_LIMIT);
        // A comparison that was true mostly leads to code that the session has reached already.
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

/// `session` with the edit, if the edit changes it and the contract allows the result.
fn made(domain: &Domain, session: &Session, edit: Edit) -> Option<Session> {
    let mut made = session.clone();
    let is_changed = match edit {
        Edit::Set(values) => {
            // A value that is already there needs no change.
            for (path, new) in values {
                change(&mut made, domain, &path, |value| {
                    *value = new;
                    true
                });
            }
            true
        }
        Edit::Key(path, key, new) => change(&mut made, domain, &path, |dict| {
            dict.set(&key, new);
            true
        }),
        Edit::NoKey(path, key) => change(&mut made, domain, &path, |dict| {
            if let Value::Dict(entries) = dict {
                entries.retain(|(known, _)| *known != key);
            }
            true
        }),
        Edit::Rename(path, at, key) => change(&mut made, domain, &path, |dict| match dict {
            Value::Dict(entries) if entries.iter().all(|(known, _)| *known != key) => {
                entries.get_mut(at).map(|entry| entry.0 = key).is_some()
            }
            _ => false,
        }),
        Edit::Item(path, item) => change(&mut made, domain, &path, |list| {
            if let Value::List(items) = list {
                items.push(item);
            }
            true
        }),
    };
    (is_changed && made != *session && contract_violation(&made, domain).is_none()).then_some(made)
}

struct Edits<'p, 's> {
    domain: &'p Domain,
    leaves: &'p [(ValuePath, Leaf<'s>)],
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
                    for (rank, wanted) in neighbours(bound).into_iter().enumerate() {
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
                    for (rank, text) in self.domain.slow_texts_of(pattern).iter().enumerate() {
                        self.replace(SLOW + rank as Rank, left, &text.as_str().into());
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
        for (path, leaf) in self.leaves {
            let edits = &mut self.edits;
            inverted(leaf, found, wanted, |more, value| {
                edits.push((rank + more, Edit::Set(vec![(path.clone(), value)])));
            });
            if let (Value::Str(found), Some(wanted), SeenValue::Value(Value::Dict(entries))) =
                (found, as_text(wanted), leaf.seen)
                && path.root != ValueRoot::Services
                && let Some(at) = entries.iter().position(|(key, _)| key == found)
            {
                edits.push((rank + 2, Edit::Rename(path.clone(), at, wanted)));
            }
        }
        if let (Value::Str(found), Value::Str(wanted)) = (found, wanted) {
            // Everywhere at once: values that were equal stay equal.
            let same = self.leaves.iter().filter(|(_, leaf)| leaf.seen == SeenValue::Text(found) && !found.is_empty());
            let same: Vec<_> = same.map(|(path, _)| (path.clone(), Value::text(wanted.as_str()))).collect();
            self.joined(rank, found, wanted, &same);
            self.halves(rank, found, wanted, &same);
            if same.len() > 1 {
                self.edits.push((rank + 1, Edit::Set(same)));
            }
        }
    }

    /// Puts each part of `wanted` where the same part of `found` came from, and the whole at the paths of `same`.
    fn joined(&mut self, rank: Rank, found: &str, wanted: &str, same: &[(ValuePath, Value)]) {
        for separator in SEPARATORS.iter().filter(|separator| !separator.is_empty() && found.contains(**separator)) {
            let (old, new): (Vec<&str>, Vec<&str>) =
                (found.split(separator).collect(), wanted.split(separator).collect());
            if old.len() != new.len() || old.len() > ITEMS_LIMIT {
                continue;
            }
            let changed = old.iter().zip(&new).filter(|(old, new)| old != new);
            let places = changed.map(|(old, new)| {
                let leaf = self.leaves.iter().find(|(_, leaf)| leaf.is_like(old))?;
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

    /// Puts both halves of `wanted` where the halves of `found` came from, with any separator between them. A half that
    /// the session does not have goes to an argument that is None or empty.
    fn halves(&mut self, rank: Rank, found: &str, wanted: &str, same: &[(ValuePath, Value)]) {
        let text = |leaf: &Leaf<'_>| match leaf.seen {
            SeenValue::Text(text) if text.len() < found.len() => Some(text.to_owned()),
            SeenValue::Value(Value::Null) => Some(String::new()),
            _ => None,
        };
        let arguments = self.leaves.iter().filter(|(path, _)| matches!(path.root, ValueRoot::Argument(_)));
        let texts: Vec<(&ValuePath, String)> = arguments.filter_map(|(path, leaf)| Some((path, text(leaf)?))).collect();
        let starts = texts.iter().filter(|(_, text)| found.starts_with(text.as_str())).take(ITEMS_LIMIT);
        let ends: Vec<_> = texts.iter().filter(|(_, text)| found.ends_with(text.as_str())).take(ITEMS_LIMIT).collect();
        for (first, start) in starts {
            for (second, end) in ends.iter().filter(|(path, _)| path != first) {
                let Some(between) = found.get(start.len()..found.len() - end.len()) else { continue };
                if !SEPARATORS.contains(&between) || between.is_empty() {
                    continue;
                }
                if let Some((before, after)) = wanted.split_once(between) {
                    let halves = [((*first).clone(), before), ((*second).clone(), after)];
                    let halves = halves.map(|(path, half)| (path, Value::text(half)));
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
                for (path, leaf) in self.leaves {
                    if let SeenValue::Value(Value::List(own)) = leaf.seen {
                        // Plugins change case and strip blanks of a list's items before they search it.
                        let is_it =
                            own.len() == items.len() && own.iter().zip(items).all(|(own, item)| is_alike(own, item));
                        let rank = if own == items {
                            0
                        } else if is_it {
                            1
                        } else {
                            5
                        };
                        self.edits.push((rank, Edit::Item(path.clone(), left.clone())));
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

    /// `right[left]`, with the keys of `right`.
    fn key(&mut self, left: &Value, right: &Value, matched: bool) {
        let keys = match right {
            Value::List(keys) => &keys[..],
            _ => &[],
        };
        for key in keys.iter().take(ITEMS_LIMIT) {
            self.replace(1, left, key);
        }
        if matched {
            for number in numbers_beyond(keys) {
                self.replace(0, left, &number.into());
            }
        }
        let Some(key) = as_text(left) else { return };
        for (path, leaf) in self.leaves {
            let SeenValue::Value(Value::Dict(entries)) = leaf.seen else { continue };
            let has = |key: &str| keys.iter().any(|known| known.as_str() == Some(key));
            let is_within = entries.iter().all(|(key, _)| has(key));
            let rank = match (is_within, entries.len() == keys.len()) {
                (true, true) => 0,
                (true, false) if !entries.is_empty() => 3,
                // The plugin may have used a default in its place.
                _ if path.steps.is_empty() && path.root != ValueRoot::Services => 5,
                _ => continue,
            };
            if entries.iter().any(|(known, _)| *known == key) {
                if matched && rank == 0 {
                    self.edits.push((3, Edit::NoKey(path.clone(), key.clone())));
                }
                continue;
            }
            let texts = [format!("{key}-value").into(), NUMBER.into()];
            let others = [Value::empty_dict(), Value::List(Vec::new()), Value::Bool(true), Value::Int(1), Value::Null];
            let is_pairs = path.root == ValueRoot::Argument(Argument::KeyValuePairs);
            let values = texts.into_iter().chain(others.into_iter().filter(|_| !is_pairs));
            for (index, value) in values.enumerate() {
                self.edits.push((rank + (index as Rank).min(3), Edit::Key(path.clone(), key.clone(), value)));
            }
        }
    }

    /// `left.startswith(affix)` or `left.endswith(affix)`.
    fn affix(&mut self, is_prefix: bool, left: &Value, affix: &Value) {
        let (Value::Str(text), Value::Str(part)) = (left, affix) else { return };
        let with = |rest: &str| Value::Str(if is_prefix { [part, rest].concat() } else { [rest, part].concat() });
        // Before the text, in place of as many characters, alone.
        let (shared, count) = (text.chars().count(), part.chars().count());
        let boundary = |number: usize| text.char_indices().nth(number).map_or(text.len(), |(at, _)| at);
        let rest = match is_prefix {
            true => &text[boundary(count)..],
            false => &text[..boundary(shared.saturating_sub(count))],
        };
        self.replace(0, left, &with(text));
        self.replace(1, left, &with(rest));
        // Where the text already has the affix's last or first character.
        let inner = match is_prefix {
            true => part.chars().next_back().and_then(|last| text.split_once(last)).map(|(_, rest)| rest),
            false => part.chars().next().and_then(|first| text.rsplit_once(first)).map(|(rest, _)| rest),
        };
        if let Some(inner) = inner {
            self.replace(1, left, &with(inner));
        }
        self.replace(1, left, affix);
        self.replace(2, left, &with("1"));
        // The affix may have come from the session.
        self.replace(2, affix, left);
        if let Some(one) = if is_prefix { text.chars().next() } else { text.chars().next_back() } {
            self.replace(3, affix, &one.to_string().into());
        }
    }
}

/// `bound`, and the values next to it on both sides.
fn neighbours(bound: &Value) -> Vec<Value> {
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
            // Ints, because sessions have ints; beyond 64 bits no int is near.
            near.into_iter().filter(|near| near.abs() < 9e15).map(|near| Value::Int(near as i64)).collect()
        }
        other => vec![other.clone()],
    }
}

/// If all keys are numbers, numbers that are no keys: next to them, and the largest with as many digits.
fn numbers_beyond(keys: &[Value]) -> Vec<i64> {
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

/// Whether two items are equal apart from case and blanks.
fn is_alike(own: &Value, item: &Value) -> bool {
    own == item
        || item
            .as_str()
            .is_some_and(|item| own.as_str().is_some_and(|own| Leaf::new(SeenValue::Text(own)).is_like(item)))
}
