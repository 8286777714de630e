//! The words that mutations use: what the plugin compared something with comes first, what it returned second, what its
//! code and configuration know last.
//!
//! Bounded, and its order is the order in which words were learned, so that the same run learns the same dictionary.
//! PluginTokens are kept by the comparison that they came from, and a comparison is chosen before a word is: one that is made in a
//! loop with a thousand texts outweighs no other.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use crate::{
    case::Value,
    generate::{Domain, choices::Choices},
    trace::{CmpKind, CmpLogEntry},
};

/// The most comparisons of which words are kept.
const SPOTS_LIMIT: usize = 2048;
/// The most words that are kept of one side of a comparison: a side that has more is the one that varies.
const SIDE_LIMIT: usize = 16;
/// The most words that are kept of comparisons.
const COMPARED_LIMIT: usize = 8192;
/// The most words that are kept of results; then the oldest goes.
const SEEN_LIMIT: usize = 2048;
/// The most numbers that are kept, of either kind.
const NUMBERS_LIMIT: usize = 512;
/// The longest text that is a word, in bytes.
const WORD_BYTES_LIMIT: usize = 1024;
/// How many comparisons count as new.
const NEW_SPOTS: usize = 8;
/// The deepest that a result is looked into.
const DEPTH_LIMIT: usize = 8;

/// PluginTokens that were learned.
///
/// ```
/// use hookstorm::{
///     contract::{Hook, Platform, PluginType},
///     generate::{CmpLogEntry, CmpKind, Dictionary, Domain, PluginTokens},
/// };
///
/// let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
/// let mut dictionary = Dictionary::new(&domain);
/// let (left, right) = ("alice".into(), "breakglass".into());
/// let comparison = CmpLogEntry { place: 7, kind: CmpKind::Equal, left, right, matched: false };
/// assert!(dictionary.learn(&comparison));
/// assert!(!dictionary.learn(&comparison), "nothing of it is new any more");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    /// In the order in which they were first seen.
    spots: Vec<Spot>,
    by_place: HashMap<(u32, CmpKind), usize>,
    compared: usize,
    keys: PluginTokens,
    questions: PluginTokens,
    seen: PluginTokens,
    numbers: Vec<i64>,
    /// How many words the code knows.
    known: usize,
}

/// What one comparison compared.
#[derive(Clone, Debug, Default)]
struct Spot {
    sides: [Vec<Word>; 2],
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Text(String),
    Number(i64),
}

impl Word {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
        }
    }
}

/// Texts, each once; when there are too many, the oldest goes.
#[derive(Clone, Debug, Default)]
struct PluginTokens {
    texts: Vec<String>,
    all: HashSet<String>,
    /// The place of the next one once the limit is reached.
    next: usize,
}

impl PluginTokens {
    fn learn(&mut self, text: &str, limit: usize) -> bool {
        if text.is_empty() || text.len() > WORD_BYTES_LIMIT || self.all.contains(text) {
            return false;
        }
        self.all.insert(text.to_owned());
        if self.texts.len() < limit {
            self.texts.push(text.to_owned());
        } else {
            let oldest = std::mem::replace(&mut self.texts[self.next], text.to_owned());
            self.all.remove(&oldest);
            self.next = (self.next + 1) % limit;
        }
        true
    }

    fn pick(&self, choices: &mut Choices<'_, '_>) -> Option<&str> {
        (!self.texts.is_empty()).then(|| choices.text(&self.texts))
    }
}

impl Dictionary {
    /// A dictionary with the words that the plugin's code and configuration know.
    pub fn new(domain: &Domain) -> Self {
        Self { known: domain.tables().strings.len(), ..Self::default() }
    }

    /// Learns what was compared. Returns whether something was new.
    pub fn learn(&mut self, comparison: &CmpLogEntry) -> bool {
        let mut is_new = false;
        let place = (comparison.place, comparison.kind);
        let spot = match self.by_place.get(&place) {
            Some(&spot) => spot,
            None if self.spots.len() >= SPOTS_LIMIT => return false,
            None => {
                self.by_place.insert(place, self.spots.len());
                self.spots.push(Spot::default());
                self.spots.len() - 1
            }
        };
        for (side, operand) in [&comparison.left, &comparison.right].into_iter().enumerate() {
            let items = match operand {
                Value::List(items) => &items[..],
                one => std::slice::from_ref(one),
            };
            for item in items.iter().take(SIDE_LIMIT) {
                is_new |= self.learn_operand(spot, side, item);
            }
        }
        if comparison.kind == CmpKind::Key
            && let Some(key) = comparison.left.as_str()
        {
            is_new |= self.keys.learn(key, SEEN_LIMIT);
        }
        is_new
    }

    fn learn_operand(&mut self, spot: usize, side: usize, operand: &Value) -> bool {
        let word = match operand {
            Value::Str(text) if !text.is_empty() && text.len() <= WORD_BYTES_LIMIT => Word::Text(text.clone()),
            Value::Int(number) => Word::Number(*number),
            _ => return false,
        };
        let words = &mut self.spots[spot].sides[side];
        if words.len() >= SIDE_LIMIT || self.compared >= COMPARED_LIMIT || words.contains(&word) {
            return false;
        }
        if let Word::Number(number) = word {
            learn_number(&mut self.numbers, number);
        }
        words.push(word);
        self.compared += 1;
        true
    }

    /// Learns the words in what a plugin returned, keys included. Returns whether something was new.
    pub fn learn_value(&mut self, value: &Value) -> bool {
        self.learn_part(value, DEPTH_LIMIT)
    }

    fn learn_part(&mut self, value: &Value, depth: usize) -> bool {
        match value {
            Value::Str(text) => self.seen.learn(text, SEEN_LIMIT),
            Value::Int(number) => learn_number(&mut self.numbers, *number),
            _ if depth == 0 => false,
            Value::List(items) => items.iter().fold(false, |is_new, item| is_new | self.learn_part(item, depth - 1)),
            Value::Dict(entries) => entries.iter().fold(false, |is_new, (key, value)| {
                // The key of a question comes first in it, and the answer is looked for under that.
                if key == "question"
                    && let Value::List(question) = value
                    && let Some(asked) = question.first().and_then(Value::as_str)
                {
                    self.questions.learn(asked, SEEN_LIMIT);
                }
                let is_new_key = self.keys.learn(key, SEEN_LIMIT);
                self.learn_part(value, depth - 1) || is_new_key || is_new
            }),
            _ => false,
        }
    }

    /// How many words there are, those of the plugin's code included.
    pub fn len(&self) -> usize {
        self.known + self.compared + self.keys.texts.len() + self.seen.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A word, oftenest one that something was compared with.
    pub(super) fn text<'d>(&'d self, choices: &mut Choices<'d, '_>) -> Option<Cow<'d, str>> {
        let tables = choices.domain.tables();
        let first = choices.byte();
        if first < 150
            && let Some(word) = self.compared(choices)
        {
            return Some(word.text());
        }
        if first < 185
            && let Some(text) = self.seen.pick(choices)
        {
            return Some(text.into());
        }
        if first < 215 && !tables.values.is_empty() {
            return Some(choices.text(&tables.values).into());
        }
        if !tables.strings.is_empty() {
            return Some(choices.text(&tables.strings).into());
        }
        self.compared(choices).map(Word::text).or_else(|| self.seen.pick(choices).map(Cow::Borrowed))
    }

    fn compared(&self, choices: &mut Choices<'_, '_>) -> Option<&Word> {
        let spots = match choices.byte() {
            // What was reached last is what the next door waits behind.
            0..100 => &self.spots[self.spots.len().saturating_sub(NEW_SPOTS)..],
            _ => &self.spots[..],
        };
        if spots.is_empty() {
            return None;
        }
        let [left, right] = &choices.pick(spots).sides;
        // The side that never varies is what the code waits for.
        let (constant, varying) = if left.len() < right.len() { (left, right) } else { (right, left) };
        let words = match constant.is_empty() || (choices.byte() < 32 && !varying.is_empty()) {
            true => varying,
            false => constant,
        };
        (!words.is_empty()).then(|| choices.pick(words))
    }

    /// A number: what something was compared with, or one that the code knows.
    pub(super) fn number(&self, choices: &mut Choices<'_, '_>) -> Option<i64> {
        let known = &choices.domain.tables().numbers;
        match choices.byte() {
            0..170 if !self.numbers.is_empty() => Some(*choices.pick(&self.numbers)),
            _ if !known.is_empty() => Some(*choices.pick(known)),
            _ => (!self.numbers.is_empty()).then(|| *choices.pick(&self.numbers)),
        }
    }

    /// A key that was looked for in a dict, or found in one that the plugin returned.
    pub(super) fn key<'d>(&'d self, choices: &mut Choices<'d, '_>) -> Option<&'d str> {
        let known = &choices.domain.tables().keys;
        match choices.byte() {
            0..150 if !self.keys.texts.is_empty() => self.keys.pick(choices),
            _ if !known.is_empty() => Some(choices.text(known)),
            _ => self.keys.pick(choices),
        }
    }

    /// A key under which the plugin asked the user for an answer.
    pub(super) fn question(&self, choices: &mut Choices<'_, '_>) -> Option<&str> {
        self.questions.pick(choices)
    }
}

/// Adds `number`, in place of an older one where there are too many.
fn learn_number(numbers: &mut Vec<i64>, number: i64) -> bool {
    if numbers.contains(&number) {
        return false;
    }
    if numbers.len() < NUMBERS_LIMIT {
        numbers.push(number);
    } else {
        numbers[number.unsigned_abs() as usize % NUMBERS_LIMIT] = number;
    }
    true
}

#[cfg(test)]
mod tests {
    use arbitrary::Unstructured;

    use super::*;
    use crate::{
        contract::{Hook, Platform, PluginType},
        trace::PluginTokens,
    };

    fn domain() -> Domain {
        let words = PluginTokens { strings: vec!["known".into()], ..PluginTokens::default() };
        Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), words)
    }

    fn compared(place: u32, left: impl Into<Value>, right: impl Into<Value>) -> CmpLogEntry {
        let (left, right) = (left.into(), right.into());
        CmpLogEntry { place, kind: CmpKind::Equal, left, right, matched: false }
    }

    /// How often of 20,000 times each word is chosen.
    fn counts(domain: &Domain, dictionary: &Dictionary) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for seed in 0..20_000_u64 {
            let bytes: Vec<u8> =
                (0..4_u64).flat_map(|n| crate::generate::mutate::scatter(seed * 4 + n).to_le_bytes()).collect();
            let mut bytes = Unstructured::new(&bytes);
            let word = dictionary.text(&mut Choices::ordinary(&mut bytes, domain)).unwrap();
            *counts.entry(word.into_owned()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn the_side_that_never_varies_is_chosen_far_oftener_and_a_busy_comparison_drowns_no_other() {
        let domain = domain();
        let mut dictionary = Dictionary::new(&domain);
        for number in 0..1_000 {
            dictionary.learn(&compared(1, format!("user{number}"), "door"));
            dictionary.learn(&compared(2, format!("a{number}"), format!("b{number}")));
        }
        dictionary.learn(&compared(3, "x", "gate"));
        let counts = counts(&domain, &dictionary);
        for word in ["door", "gate"] {
            assert!(counts[word] > 2_000, "{word}: {counts:?}");
        }
        assert!(counts["known"] > 500);
        assert!(dictionary.len() < 100, "{}", dictionary.len());
    }

    #[test]
    fn however_much_is_learned_the_dictionary_stays_bounded() {
        let domain = domain();
        let mut dictionary = Dictionary::new(&domain);
        for number in 0..30_000_u32 {
            dictionary.learn(&compared(number, format!("l{number}"), i64::from(number)));
            dictionary.learn_value(&Value::Dict(vec![(format!("k{number}"), format!("v{number}").into())]));
        }
        assert!(dictionary.len() <= COMPARED_LIMIT + 2 * SEEN_LIMIT + 1);
        assert!(!dictionary.learn_value(&"v29999".into()), "the newest are kept");
        assert!(dictionary.learn_value(&"v0".into()), "the oldest are not");
    }

    #[test]
    fn the_key_of_a_question_is_kept_apart() {
        let domain = domain();
        let mut dictionary = Dictionary::new(&domain);
        let question = Value::List(vec!["ticket".into(), "Which ticket?".into(), Value::Bool(false)]);
        assert!(dictionary.learn_value(&Value::Dict(vec![("question".into(), question)])));
        let mut bytes = Unstructured::new(&[]);
        assert_eq!(dictionary.question(&mut Choices::ordinary(&mut bytes, &domain)), Some("ticket"));
    }
}
