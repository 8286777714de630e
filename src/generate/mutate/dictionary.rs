//! The tokens that mutations use: mostly values that the plugin compared, less often values that it returned, least
//! often tokens of its code and configuration.
//!
//! The dictionary is bounded. It keeps tokens in the order in which it learned them, so that the same run learns the
//! same dictionary. It keeps tokens by comparison, and a draw picks the comparison first: a comparison in a loop over a
//! thousand texts counts no more than any other.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use crate::{
    case::Value,
    generate::{Domain, source::DomainSource},
    trace::{CmpKind, CmpLogEntry},
};

/// The most comparisons that are kept.
const SPOTS_LIMIT: usize = 2048;
/// The most tokens of one side of a comparison: a side with more is the one that varies.
const SIDE_LIMIT: usize = 16;
/// The most tokens of all comparisons.
const COMPARED_LIMIT: usize = 8192;
/// The most tokens of results; after that the oldest is dropped.
const SEEN_LIMIT: usize = 2048;
/// The most numbers.
const NUMBERS_LIMIT: usize = 512;
/// The longest token, in bytes.
const TOKEN_BYTES_LIMIT: usize = 1024;
/// How many of the last comparisons count as new.
const NEW_SPOTS: usize = 8;
/// The deepest nesting of a result that is visited.
const DEPTH_LIMIT: usize = 8;

/// Tokens that hookstorm learned from the plugin's runs.
///
/// ```
/// use hookstorm::{
///     contract::{Hook, Platform, PluginType},
///     generate::{Dictionary, Domain},
///     trace::{CmpKind, CmpLogEntry, PluginTokens},
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
    /// In the order in which the plugin first made the comparisons.
    spots: Vec<Spot>,
    by_place: HashMap<(u32, CmpKind), usize>,
    compared: usize,
    keys: RecentTexts,
    questions: RecentTexts,
    seen: RecentTexts,
    numbers: Vec<i64>,
    /// How many tokens the code and the configuration have.
    known: usize,
}

/// The tokens of one comparison.
#[derive(Clone, Debug, Default)]
struct Spot {
    sides: [Vec<Token>; 2],
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Number(i64),
}

impl Token {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
        }
    }
}

/// Texts, each once; if there are too many, the oldest is dropped.
#[derive(Clone, Debug, Default)]
struct RecentTexts {
    texts: Vec<String>,
    all: HashSet<String>,
    /// The position of the oldest text once the limit is reached.
    next: usize,
}

impl RecentTexts {
    fn learn(&mut self, text: &str, limit: usize) -> bool {
        if text.is_empty() || text.len() > TOKEN_BYTES_LIMIT || self.all.contains(text) {
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

    fn pick(&self, source: &mut DomainSource<'_, '_>) -> Option<&str> {
        (!self.texts.is_empty()).then(|| source.text(&self.texts))
    }
}

impl Dictionary {
    /// A dictionary that has learned nothing yet.
    pub fn new(domain: &Domain) -> Self {
        Self { known: domain.tables().strings.len(), ..Self::default() }
    }

    /// Learns a comparison. Returns whether it has a new token.
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
        let token = match operand {
            Value::Str(text) if !text.is_empty() && text.len() <= TOKEN_BYTES_LIMIT => Token::Text(text.clone()),
            Value::Int(number) => Token::Number(*number),
            _ => return false,
        };
        let tokens = &mut self.spots[spot].sides[side];
        if tokens.len() >= SIDE_LIMIT || self.compared >= COMPARED_LIMIT || tokens.contains(&token) {
            return false;
        }
        if let Token::Number(number) = token {
            learn_number(&mut self.numbers, number);
        }
        tokens.push(token);
        self.compared += 1;
        true
    }

    /// Learns the tokens of a value that the plugin returned, keys included. Returns whether it has a new token.
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
                // The first item of a question is the key under which the plugin looks for the answer.
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

    /// How many tokens there are, with those of the plugin's code and configuration.
    pub fn len(&self) -> usize {
        self.known + self.compared + self.keys.texts.len() + self.seen.texts.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A token, mostly one that the plugin compared.
    pub(super) fn text<'d>(&'d self, source: &mut DomainSource<'d, '_>) -> Option<Cow<'d, str>> {
        let tables = source.domain.tables();
        let first = source.byte();
        if first < 150
            && let Some(token) = self.compared(source)
        {
            return Some(token.text());
        }
        if first < 185
            && let Some(text) = self.seen.pick(source)
        {
            return Some(text.into());
        }
        if first < 215 && !tables.values.is_empty() {
            return Some(source.text(&tables.values).into());
        }
        if !tables.strings.is_empty() {
            return Some(source.text(&tables.strings).into());
        }
        self.compared(source).map(Token::text).or_else(|| self.seen.pick(source).map(Cow::Borrowed))
    }

    fn compared(&self, source: &mut DomainSource<'_, '_>) -> Option<&Token> {
        let spots = match source.byte() {
            // The newest comparisons are nearest to code that no session has reached.
            0..100 => &self.spots[self.spots.len().saturating_sub(NEW_SPOTS)..],
            _ => &self.spots[..],
        };
        if spots.is_empty() {
            return None;
        }
        let [left, right] = &source.pick(spots).sides;
        // The code waits for the side that does not vary.
        let (constant, varying) = if left.len() < right.len() { (left, right) } else { (right, left) };
        let tokens = match constant.is_empty() || (source.byte() < 32 && !varying.is_empty()) {
            true => varying,
            false => constant,
        };
        (!tokens.is_empty()).then(|| source.pick(tokens))
    }

    /// A number that the plugin compared or returned, or one of its code.
    pub(super) fn number(&self, source: &mut DomainSource<'_, '_>) -> Option<i64> {
        let known = &source.domain.tables().numbers;
        match source.byte() {
            0..170 if !self.numbers.is_empty() => Some(*source.pick(&self.numbers)),
            _ if !known.is_empty() => Some(*source.pick(known)),
            _ => (!self.numbers.is_empty()).then(|| *source.pick(&self.numbers)),
        }
    }

    /// A key that the plugin looked up in a dict or that is in a dict that it returned.
    pub(super) fn key<'d>(&'d self, source: &mut DomainSource<'d, '_>) -> Option<&'d str> {
        let known = &source.domain.tables().keys;
        match source.byte() {
            0..150 if !self.keys.texts.is_empty() => self.keys.pick(source),
            _ if !known.is_empty() => Some(source.text(known)),
            _ => self.keys.pick(source),
        }
    }

    /// A key under which the plugin asked the user for an answer.
    pub(super) fn question(&self, source: &mut DomainSource<'_, '_>) -> Option<&str> {
        self.questions.pick(source)
    }
}

/// Adds `number`, in place of an older one if there are too many.
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
        let tokens = PluginTokens { strings: vec!["known".into()], ..PluginTokens::default() };
        Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), tokens)
    }

    fn compared(place: u32, left: impl Into<Value>, right: impl Into<Value>) -> CmpLogEntry {
        let (left, right) = (left.into(), right.into());
        CmpLogEntry { place, kind: CmpKind::Equal, left, right, matched: false }
    }

    /// How often each token is drawn in 20,000 draws.
    fn counts(domain: &Domain, dictionary: &Dictionary) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for seed in 0..20_000_u64 {
            let bytes: Vec<u8> =
                (0..4_u64).flat_map(|n| crate::generate::source::scatter(seed * 4 + n).to_le_bytes()).collect();
            let mut bytes = Unstructured::new(&bytes);
            let token = dictionary.text(&mut DomainSource::nominal(&mut bytes, domain)).unwrap();
            *counts.entry(token.into_owned()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn the_side_that_never_varies_is_drawn_far_more_often_and_a_frequent_comparison_counts_once() {
        let domain = domain();
        let mut dictionary = Dictionary::new(&domain);
        for number in 0..1_000 {
            dictionary.learn(&compared(1, format!("user{number}"), "door"));
            dictionary.learn(&compared(2, format!("a{number}"), format!("b{number}")));
        }
        dictionary.learn(&compared(3, "x", "gate"));
        let counts = counts(&domain, &dictionary);
        for token in ["door", "gate"] {
            assert!(counts[token] > 2_000, "{token}: {counts:?}");
        }
        assert!(counts["known"] > 500);
        assert!(dictionary.len() < 100, "{}", dictionary.len());
    }

    #[test]
    fn the_dictionary_stays_bounded() {
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
    fn the_keys_of_questions_have_their_own_list() {
        let domain = domain();
        let mut dictionary = Dictionary::new(&domain);
        let question = Value::List(vec!["ticket".into(), "Which ticket?".into(), Value::Bool(false)]);
        assert!(dictionary.learn_value(&Value::Dict(vec![("question".into(), question)])));
        let mut bytes = Unstructured::new(&[]);
        assert_eq!(dictionary.question(&mut DomainSource::nominal(&mut bytes, &domain)), Some("ticket"));
    }
}
