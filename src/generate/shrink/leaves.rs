//! Makes single values simpler, step by step: a text loses the parts that do not matter, a number goes towards zero, an
//! address becomes the simplest of its kind.

use crate::{
    case::{Session, Value},
    generate::{
        paths::{part, part_mut},
        shrink::slots::{Slot, SlotLocation, replace, slots},
    },
};

/// The most steps for one value: a text of which every character matters must not use up all tries.
const STEPS_LIMIT: usize = 60;

/// The simplest address of each kind, the simplest kind first. A stage before has tried the plain address.
const ADDRESSES: &[&str] = &["127.0.0.1", "::1", "2001:db8::1", "::ffff:1.2.3.4"];

/// The current value, and the steps that were tried on it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LeafCursor {
    /// The number of the value among all values.
    leaf: usize,
    /// How many steps were proposed for it.
    step: usize,
    /// The number of the next whole replacement; from [`REPLACEMENTS`] on, parts are cut out.
    replacement: usize,
    /// How many characters are cut out, and from where; 0 before the first cut.
    size: usize,
    start: usize,
    /// Whether every step was tried.
    is_done: bool,
}

/// The most whole replacements of a value.
const REPLACEMENTS: usize = 4;

impl LeafCursor {
    /// The session with the current value one step simpler: `None` after the last value, `Some(None)` if this step does
    /// not exist for this value.
    pub(super) fn propose(&mut self, session: &Session) -> Option<Option<Session>> {
        let slots = slots(session);
        let (slot, path) = nth_leaf(&slots, self.leaf)?;
        self.step += 1;
        let old = part(&slot.value, &path)?;
        let Some(simpler) = self.simpler(slot, &path, old) else { return Some(None) };
        let mut value = slot.value.clone();
        *part_mut(&mut value, &path)? = simpler;
        let mut smaller = session.clone();
        replace(&mut smaller, slot, &value);
        Some(Some(smaller))
    }

    /// Moves on after a step that does not exist or that the caller did not accept.
    pub(super) fn advance(&mut self) {
        if self.is_done || self.step >= STEPS_LIMIT {
            *self = Self { leaf: self.leaf + 1, ..Self::default() };
        } else if self.replacement < REPLACEMENTS {
            self.replacement += 1;
        } else {
            self.start = self.start.saturating_add(self.size.max(1));
        }
    }

    /// Starts again after a step that the caller accepted: the rest may become simpler still.
    pub(super) const fn accepted(&mut self) {
        self.is_done = false;
        if self.replacement < REPLACEMENTS {
            self.replacement = 0;
        }
    }

    fn simpler(&mut self, slot: &Slot, path: &[usize], old: &Value) -> Option<Value> {
        let is_plain = slot.is_plain();
        match old {
            Value::Str(text) if !is_plain && !text.is_empty() => self.simpler_text(slot, path, text),
            Value::Int(number) => {
                self.is_done = self.replacement + 1 >= REPLACEMENTS;
                let smallest = if matches!(slot.location, SlotLocation::Argument(_)) { 1 } else { 0 };
                let simpler =
                    *[smallest, number / 2, number - number / 4, number - number / 16].get(self.replacement)?;
                (!is_plain && simpler.unsigned_abs() < number.unsigned_abs() && simpler >= smallest.min(*number))
                    .then_some(Value::Int(simpler))
            }
            Value::Float(number) if *number != 0.0 => {
                self.is_done = true;
                Some(Value::Float(0.0))
            }
            Value::Bool(true) => {
                self.is_done = true;
                Some(Value::Bool(false))
            }
            _ => {
                self.is_done = true;
                None
            }
        }
    }

    fn simpler_text(&mut self, slot: &Slot, path: &[usize], text: &str) -> Option<Value> {
        if !slot.may_be_text("a") {
            // An address, or a word of the contract: only whole replacements are valid.
            let simpler = ADDRESSES.get(self.replacement).filter(|_| text.parse::<std::net::IpAddr>().is_ok());
            self.is_done = simpler.is_none_or(|simpler| *simpler == text);
            return simpler.filter(|simpler| **simpler != text).map(|simpler| (*simpler).into());
        }
        match self.replacement {
            0 => return slot.may_be_text("").then(|| "".into()),
            1 => return (text != "a").then(|| "a".into()),
            2 => return (path.is_empty() && slot.may_be_none()).then_some(Value::Null),
            3 => return None,
            _ => {}
        }
        let characters: Vec<char> = text.chars().collect();
        if self.size == 0 {
            self.size = characters.len().div_ceil(2);
        }
        if self.start >= characters.len() {
            self.start = 0;
            self.size /= 2;
        }
        if self.size == 0 || characters.len() < 2 {
            self.is_done = true;
            return None;
        }
        let end = (self.start + self.size).min(characters.len());
        let cut: String = characters[..self.start].iter().chain(&characters[end..]).collect();
        (!cut.is_empty() && slot.may_be_text(&cut)).then_some(Value::Str(cut))
    }
}

/// The value with this number among all values without parts.
fn nth_leaf(slots: &[Slot], number: usize) -> Option<(&Slot, Vec<usize>)> {
    let mut left = number;
    slots.iter().find_map(|slot| leaf_in(&slot.value, &mut left, &mut Vec::new()).map(|path| (slot, path)))
}

fn leaf_in(value: &Value, left: &mut usize, path: &mut Vec<usize>) -> Option<Vec<usize>> {
    let mut descend = |index: usize, child: &Value| {
        path.push(index);
        let found = leaf_in(child, left, path);
        path.pop();
        found
    };
    match value {
        Value::List(items) => items.iter().enumerate().find_map(|(index, item)| descend(index, item)),
        Value::Dict(entries) => entries.iter().enumerate().find_map(|(index, (_, value))| descend(index, value)),
        _ if *left == 0 => Some(path.clone()),
        _ => {
            *left -= 1;
            None
        }
    }
}
