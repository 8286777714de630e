//! The words that mutations use: those of the plugin's code, and those that were seen while it ran.

use crate::{
    case::Value,
    generate::{Comparison, Domain},
};

/// The most words that are learned.
const WORDS_LIMIT: usize = 8192;

/// Words that were learned, in the order in which they were.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    words: Vec<String>,
}

impl Dictionary {
    /// The words that a plugin's code and configuration know.
    pub fn new(domain: &Domain) -> Self {
        Self { words: domain.tables().strings.clone() }
    }

    /// Learns what was compared. Returns whether something was new.
    pub fn learn(&mut self, comparison: &Comparison) -> bool {
        let left = self.learn_value(&comparison.left);
        self.learn_value(&comparison.right) || left
    }

    /// Learns the words in what a plugin returned. Returns whether something was new.
    pub fn learn_value(&mut self, value: &Value) -> bool {
        match value {
            Value::Str(text) if !self.words.contains(text) && self.words.len() < WORDS_LIMIT => {
                self.words.push(text.clone());
                true
            }
            Value::List(items) => items.iter().fold(false, |new, item| self.learn_value(item) || new),
            Value::Dict(entries) => entries.iter().fold(false, |new, (_, value)| self.learn_value(value) || new),
            _ => false,
        }
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(super) fn nth(&self, seed: u64) -> Option<&str> {
        self.words.get(seed as usize % self.words.len().max(1)).map(String::as_str)
    }
}
