//! Texts on which a Python regular expression that backtracks takes very long: what comes before a repetition, then
//! many times what it repeats, then something that does not match. `re` then tries every way to divide the repeated
//! part among all repetitions that can take it. `(\w+)*@` takes exponential time, `\[\[ *(.+?) *\|` cubic time.
//!
//! The steps on short texts show how time grows with the length. So each text is as long as it must be to exceed any
//! usual time limit by far, and an expression whose time grows with the square of the length gets none: a text on which
//! it took so long would be longer than anything that users type.

use crate::generate::regex::{Item, Node, Program, Set, parse};

/// How many steps a text should need. CPython takes some 10⁸ to 10⁹ of them in a second, and a timeout is confirmed
/// with five times the limit, which is two seconds by default.
const STEPS_WANTED: f64 = 2e11;
/// A text that needs fewer is no text.
const STEPS_LEAST: f64 = 2e10;
/// The longest text, in characters.
const LENGTH_LIMIT: usize = 12_000;
/// The length of a text for exponential time, if its short form is not enough: time may grow less fast than it seems.
const LENGTH: usize = 3000;
/// If time grows with a lower power of the length than this, it counts as the square.
const LEAST_POWER: f64 = 2.5;
/// The most steps on one short text.
const STEPS_LIMIT: u32 = 200_000;
/// The most steps on all short texts for an expression.
const ALL_STEPS_LIMIT: u64 = 6_000_000;
/// The length of the shortest text whose steps are counted; the others have twice and four times that.
const SHORT: usize = 20;
/// What may stand after the repeated part, of characters that the expression does not name.
const ENDS: [char; 5] = ['!', '#', '~', '§', '\u{1}'];
/// The characters that users type, the plainest first.
const PLAIN: [char; 12] = ['a', '1', 'A', ' ', '_', '.', '-', '@', '/', ':', ',', '\\'];
/// The most characters of an expression that are tried.
const CHARACTERS_LIMIT: usize = 48;
/// The most repetitions of an expression that get texts, and the most of what each may repeat.
const REPETITIONS_LIMIT: usize = 16;
const UNITS_LIMIT: usize = 10;
/// The most texts for an expression, of those that match from the beginning and of those that match anywhere.
const TEXTS_LIMIT: usize = 2;
/// After so many slow texts no more are looked for.
const SLOW_LIMIT: usize = 6;
/// The most separators that are repeated together.
const SEPARATORS_LIMIT: usize = 6;
/// The longest text before a repetition, and the longest that is repeated, in characters.
const PART_LIMIT: usize = 256;

/// Such texts for `pattern`, the slowest first. None if its time does not grow so fast.
pub(in crate::generate) fn slow_texts(pattern: &str) -> Vec<String> {
    let Some(tree) = parse(pattern) else { return Vec::new() };
    let Some(program) = Program::new(&tree) else { return Vec::new() };
    let alphabet = Alphabet::of(&tree);
    let mut parts = Vec::new();
    repetitions(&tree, "", &alphabet, &mut parts);
    let mut left = ALL_STEPS_LIMIT;
    let mut texts: Vec<String> = Vec::new();
    // Which of both the plugin calls is unknown: `re.match` or `re.search`.
    for is_anchored in [true, false] {
        let mut slow: Vec<(Growth, Pumped)> = Vec::new();
        for pumped in parts.iter().flat_map(|part| alphabet.ends.iter().map(move |end| part.with_end(end))) {
            if slow.len() >= SLOW_LIMIT {
                break;
            }
            let mut steps = |repeats: usize| {
                let text: Vec<char> = pumped.text(repeats).chars().collect();
                let limit = u32::try_from(left).unwrap_or(u32::MAX).min(STEPS_LIMIT);
                let steps = program.steps(&text, is_anchored, limit);
                left -= u64::from(steps);
                steps
            };
            slow.extend(Growth::of(pumped.unit_length(), &mut steps).map(|growth| (growth, pumped)));
        }
        slow.sort_by(|(one, _), (other, _)| one.rank().total_cmp(&other.rank()));
        let all = slow.iter().flat_map(|(growth, pumped)| growth.repeats().map(move |repeats| pumped.text(repeats)));
        let count = texts.len() + TEXTS_LIMIT;
        for text in all {
            if texts.len() < count && !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts
}

/// How the steps grow with the number of repeats.
#[derive(Clone, Copy, Debug)]
enum Growth {
    /// Exponentially: so many repeats are enough, and so many are more than enough.
    Exponential(usize, usize),
    /// With a power of the number, which must be this one.
    Polynomial(usize),
}

impl Growth {
    /// The growth for a part of so many characters; `None` if it is too slow. `steps` counts them.
    fn of(unit_length: usize, steps: &mut impl FnMut(usize) -> u32) -> Option<Self> {
        let first = (SHORT / unit_length).max(6);
        let counts = [steps(first), steps(2 * first)];
        let [one, two] = counts.map(|count| f64::from(count.max(1)));
        let is_full = |steps: u32| steps >= STEPS_LIMIT;
        let long = (LENGTH / unit_length).max(8);
        if is_full(counts[0]) {
            return Some(Self::Exponential(3 * first, long));
        }
        if two / one < 2_f64.powf(LEAST_POWER) * 0.8 {
            return None;
        }
        if is_full(counts[1]) {
            // A lower bound of the rate, so the text is rather too long.
            let rate = (two / one).ln() / first as f64;
            let more = (STEPS_WANTED.ln() - two.ln()) / rate;
            return Some(Self::Exponential((2 * first + more as usize).min(long), long));
        }
        let four_count = steps(4 * first);
        let four = f64::from(four_count.max(1));
        if is_full(four_count) && four / two > two / one * 2.0 {
            let rate = (four / two).ln() / (2 * first) as f64;
            let more = (STEPS_WANTED.ln() - four.ln()) / rate;
            return Some(Self::Exponential((4 * first + more as usize).min(long), long));
        }
        // If the last count is not the whole one, the power is that between the first two.
        let (power, from, repeats) = match is_full(four_count) {
            true => ((two / one).log2(), two, 2 * first),
            false => ((four / two).log2(), four, 4 * first),
        };
        if power < LEAST_POWER {
            return None;
        }
        let at = |repeats_then: f64| from * (repeats_then / repeats as f64).powf(power);
        let wanted = repeats as f64 * (STEPS_WANTED / from).powf(power.recip());
        let most = (LENGTH_LIMIT / unit_length) as f64;
        let count = wanted.min(most).max(repeats as f64);
        (at(count) >= STEPS_LEAST).then_some(Self::Polynomial(count as usize))
    }

    /// The numbers of repeats of its texts.
    fn repeats(self) -> impl Iterator<Item = usize> {
        let (one, other) = match self {
            Self::Exponential(enough, more) => (enough, Some(more)),
            Self::Polynomial(count) => (count, None),
        };
        [Some(one), other].into_iter().flatten()
    }

    /// Lower is slower.
    fn rank(self) -> f64 {
        match self {
            Self::Exponential(enough, _) => enough as f64,
            Self::Polynomial(count) => (LENGTH_LIMIT + count) as f64,
        }
    }
}

/// A text before a repetition, what it repeats, and what comes after it.
#[derive(Clone, Debug, PartialEq)]
struct Pumped {
    prefix: String,
    unit: String,
    end: String,
}

impl Pumped {
    fn with_end(&self, end: &str) -> Self {
        Self { end: end.to_owned(), ..self.clone() }
    }

    fn unit_length(&self) -> usize {
        self.unit.chars().count().max(1)
    }

    fn text(&self, repeats: usize) -> String {
        [&self.prefix, &*self.unit.repeat(repeats), &self.end].concat()
    }
}

/// The characters that show how the sets of an expression differ.
struct Alphabet {
    /// Each with the number of repeated sets that have it.
    characters: Vec<(char, usize)>,
    /// What may follow the repeated part.
    ends: Vec<String>,
    /// The characters that are no letters and no digits and that the expression names one by one, in their order.
    separators: Vec<char>,
}

impl Alphabet {
    fn of(tree: &Node) -> Self {
        let (mut sets, mut repeated) = (Vec::new(), Vec::new());
        all_sets(tree, false, &mut sets, &mut repeated);
        let mut characters: Vec<char> = PLAIN.to_vec();
        for item in sets.iter().flat_map(|set| &set.items) {
            if let Item::Range(first, _) = item
                && !characters.contains(first)
                && characters.len() < CHARACTERS_LIMIT
            {
                characters.push(*first);
            }
        }
        let count = |character: char| repeated.iter().filter(|set| set.contains(character)).count();
        let is_named = |character: char| sets.iter().any(|set| !set.is_negated && set.contains(character));
        let end = ENDS.into_iter().find(|end| !is_named(*end)).unwrap_or(ENDS[0]);
        // A line break is for expressions that match anything else; with nothing after the part, an end may be missing.
        let ends = vec![end.to_string(), format!("\n{end}"), String::new()];
        let mut separators = Vec::new();
        for set in &sets {
            if let [Item::Range(one, last)] = set.items[..]
                && one == last
                && !set.is_negated
                && !one.is_alphanumeric()
                && !separators.contains(&one)
            {
                separators.push(one);
            }
        }
        Self { characters: characters.into_iter().map(|one| (one, count(one))).collect(), ends, separators }
    }

    /// All separators that `node` may repeat, in their order and in the other: if every part of `<(.+)>(.+)</` can go
    /// past what begins and ends the others, each of them has as many ways as the text is long.
    fn separated(&self, node: &Node) -> Vec<String> {
        let Node::Set(set) = node else { return Vec::new() };
        let own: Vec<char> = self.separators.iter().copied().filter(|one| set.contains(*one)).collect();
        if !(2..=SEPARATORS_LIMIT).contains(&own.len()) {
            return Vec::new();
        }
        vec![own.iter().collect(), own.iter().rev().collect()]
    }

    /// A character of `set`: the plainest, or with `rank` from 1 the one that most, or next to most, repeated sets
    /// have.
    fn character(&self, set: &Set, rank: usize) -> Option<char> {
        let mut own = self.characters.iter().filter(|(character, _)| set.contains(*character));
        if rank == 0 {
            return own.next().map(|(character, _)| *character).or_else(|| ('!'..='~').find(|one| set.contains(*one)));
        }
        let mut own: Vec<&(char, usize)> = own.collect();
        own.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        own.get(rank - 1).or(own.first()).map(|(character, _)| *character)
    }
}

/// All sets of an expression, and those that are in a repetition.
fn all_sets<'n>(node: &'n Node, is_repeated: bool, sets: &mut Vec<&'n Set>, repeated: &mut Vec<&'n Set>) {
    match node {
        Node::Set(set) => {
            sets.push(set);
            if is_repeated && !repeated.contains(&set) {
                repeated.push(set);
            }
        }
        Node::Concat(parts) | Node::Alternate(parts) => {
            parts.iter().for_each(|part| all_sets(part, is_repeated, sets, repeated));
        }
        Node::Repeat { node, max, .. } => {
            all_sets(node, is_repeated || max.is_none_or(|max| max > 1), sets, repeated);
        }
        Node::Capture(_, node) | Node::Look { node, .. } | Node::Atomic(node) => {
            all_sets(node, is_repeated, sets, repeated);
        }
        Node::At(_) | Node::Back(_) => {}
    }
}

/// Adds the long repetitions in `node`: the text before each, and the texts that it may repeat.
fn repetitions(node: &Node, prefix: &str, alphabet: &Alphabet, found: &mut Vec<Pumped>) {
    match node {
        Node::Repeat { node, max, .. } => {
            let is_long = max.is_none_or(|max| max > 16) && prefix.len() <= PART_LIMIT;
            if is_long && found.len() < REPETITIONS_LIMIT * UNITS_LIMIT {
                let mut units = Vec::new();
                for (rank, with_optional) in [(0, true), (0, false), (1, true), (1, false), (2, true), (3, true)] {
                    for alternative in alternatives(node) {
                        let mut unit = String::new();
                        push(alternative, alphabet, rank, with_optional, &mut unit);
                        if !unit.is_empty() && unit.len() <= PART_LIMIT && !units.contains(&unit) {
                            units.push(unit);
                        }
                    }
                }
                units.truncate(UNITS_LIMIT - 2);
                units.extend(alternatives(node).iter().flat_map(|node| alphabet.separated(node)));
                for unit in units.into_iter().take(UNITS_LIMIT) {
                    let pumped = Pumped { prefix: prefix.to_owned(), unit, end: String::new() };
                    if !found.contains(&pumped) {
                        found.push(pumped);
                    }
                }
            }
            repetitions(node, prefix, alphabet, found);
        }
        Node::Capture(_, node) | Node::Atomic(node) | Node::Look { node, .. } => {
            repetitions(node, prefix, alphabet, found);
        }
        Node::Concat(parts) => {
            let mut before = prefix.to_owned();
            for part in parts {
                repetitions(part, &before, alphabet, found);
                push(part, alphabet, 0, false, &mut before);
            }
        }
        Node::Alternate(parts) => parts.iter().for_each(|part| repetitions(part, prefix, alphabet, found)),
        Node::Set(_) | Node::At(_) | Node::Back(_) => {}
    }
}

/// The alternatives of a repeated part.
fn alternatives(node: &Node) -> &[Node] {
    match node {
        Node::Capture(_, node) | Node::Atomic(node) => alternatives(node),
        Node::Alternate(parts) => parts,
        one => std::slice::from_ref(one),
    }
}

/// Appends a short text that matches `node`, with or without its optional parts.
fn push(node: &Node, alphabet: &Alphabet, rank: usize, with_optional: bool, text: &mut String) {
    if text.len() > PART_LIMIT {
        return;
    }
    match node {
        Node::Set(set) => text.extend(alphabet.character(set, rank)),
        Node::Concat(parts) => parts.iter().for_each(|part| push(part, alphabet, rank, with_optional, text)),
        Node::Alternate(parts) => parts[..1].iter().for_each(|part| push(part, alphabet, rank, with_optional, text)),
        Node::Repeat { node, min, max, .. } => {
            let count = (*min).max(u32::from(with_optional)).min(max.unwrap_or(u32::MAX)).min(PART_LIMIT as u32);
            (0..count).for_each(|_| push(node, alphabet, rank, with_optional, text));
        }
        Node::Capture(_, node) | Node::Atomic(node) => push(node, alphabet, rank, with_optional, text),
        Node::At(_) | Node::Back(_) | Node::Look { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_expression_gets_a_long_text_of_what_it_repeats_and_a_mismatch() {
        let cases: &[(&str, &str, &str)] = &[
            (r"\[\[ *(.+?) *\| *(.+?) *\]\]", "[[", " "),
            (r"(\w+)*@", "", "a"),
            (r"^(a|aa)+$", "", "a"),
            (r"^(\w+\s?)*$", "", "a"),
            (r"^\s*(\S+\s*)+;$", "", "a"),
            (r"^(?:[0-9]|x[0-9]|\w)+$", "", "x1"),
            (r"(?:[a-z0-9]+,?)+;", "", "a"),
            (r"key=(.*?)\s*,\s*(.*?)\s*;", "key=,", " "),
            (r"^(.*?,){12}P", "", ","),
            (r"(['\x22])(?:[^'\x22]+)*\1", "'", "a"),
            (r"^(?:.+)+$", "", "a"),
            ("(?x) ^ ( [a-z]+ \\d* )+ # names\n $", "", "a"),
            (r"(?i)^(?:NAME\s*\w*\s*)+:$", "", "NaME"),
            (r"^x(?=(?:\d+)+;)", "x", "1"),
            (r"<(.+)>(.+)</(.+)>", "<", "<>/"),
            (r"\((.*?),(.*?)\);", "(", ";),("),
        ];
        for (pattern, prefix, unit) in cases {
            let texts = slow_texts(pattern);
            let is_it = |text: &String| text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(&unit.repeat(4)));
            let starts: Vec<String> = texts.iter().map(|text| text.chars().take(20).collect()).collect();
            assert!(texts.iter().any(is_it), "{pattern}: {starts:?}");
        }
    }

    #[test]
    fn a_text_for_exponential_time_is_short_enough_for_a_check_of_the_length() {
        for pattern in [r"^([a-z]+)*!$", r"^(a|a?)+$", r"(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$"] {
            assert!(slow_texts(pattern).iter().any(|text| text.len() < 100), "{pattern}");
            assert!(slow_texts(pattern).iter().any(|text| text.len() > 2000), "{pattern}");
        }
    }

    #[test]
    fn an_expression_whose_time_grows_slowly_gets_no_text() {
        for pattern in [
            "abc",
            r"\d{3}",
            "(",
            "",
            "a?b?",
            r"^\[\[([^|\]]+)\|([^|\]]+)\]\]$",
            r"^[\w.+-]+@[\w-]+\.[\w.]+$",
            r"\s+$",
            r"CN=(.*),OU=(.*)$",
            r"^(\w|\d)+$",
            r"(?:a++)+b",
            r"^(?:\d{1,3}\.){3}\d{1,3}$",
            r"^([a-z]+\.)+[a-z]+$",
        ] {
            assert_eq!(slow_texts(pattern), [""; 0], "{pattern}");
        }
    }

    #[test]
    fn texts_are_few_and_bounded() {
        for pattern in ["(a*)".repeat(100), "(a|b|ab)*".repeat(50), "((((a*)*)*)*)*b".repeat(20)] {
            let texts = slow_texts(&pattern);
            assert!(texts.len() <= 2 * TEXTS_LIMIT, "{pattern}");
            assert!(texts.iter().all(|text| text.len() < 2 * LENGTH_LIMIT), "{pattern}");
        }
    }
}
