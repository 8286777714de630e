//! [`parse()`]: reads the syntax of Python's `re`. It takes any text and is bounded. It follows `re` where `re` changes
//! an expression before it compiles it: alternatives of one character each become one set, which takes no time to try.

use super::tree::{Item, Node, Position, Set};

/// The longest expression, in characters.
const CHARACTERS_LIMIT: usize = 4096;
/// How deep groups may be nested.
const DEPTH_LIMIT: u32 = 48;
/// The most repetitions that an expression may ask for.
const REPEAT_LIMIT: u32 = 1 << 16;

/// The tree of `pattern`; `None` if Python or this parser cannot read it.
pub(in crate::generate) fn parse(pattern: &str) -> Option<Node> {
    let text: Vec<char> = pattern.chars().take(CHARACTERS_LIMIT + 1).collect();
    if text.len() > CHARACTERS_LIMIT {
        return None;
    }
    let mut parser = Parser { text, at: 0, flags: Flags::default(), depth: 0, names: Vec::new() };
    let node = parser.alternatives()?;
    (parser.at == parser.text.len()).then_some(node)
}

#[derive(Clone, Copy, Default)]
struct Flags {
    ignores_case: bool,
    is_verbose: bool,
    dot_is_all: bool,
    is_multiline: bool,
}

impl Flags {
    const fn set(&mut self, letter: char, value: bool) {
        match letter {
            'i' => self.ignores_case = value,
            'x' => self.is_verbose = value,
            's' => self.dot_is_all = value,
            'm' => self.is_multiline = value,
            // ASCII, locale and Unicode make no difference here.
            _ => {}
        }
    }
}

struct Parser {
    text: Vec<char>,
    at: usize,
    flags: Flags,
    depth: u32,
    /// The names of the groups so far; empty for a group without one.
    names: Vec<String>,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    /// Goes on after `wanted` if it comes next.
    fn eat(&mut self, wanted: &str) -> bool {
        let count = wanted.chars().count();
        let is_next = wanted.chars().eq(self.text[self.at..].iter().copied().take(count));
        self.at += if is_next { count } else { 0 };
        is_next
    }

    /// Skips blanks and comments of a verbose expression.
    fn skip_blanks(&mut self) {
        while self.flags.is_verbose
            && let Some(next) = self.peek()
        {
            match next {
                '#' => while self.next().is_some_and(|next| next != '\n') {},
                next if next.is_ascii_whitespace() => self.at += 1,
                _ => break,
            }
        }
    }

    fn alternatives(&mut self) -> Option<Node> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return None;
        }
        let mut all = vec![self.sequence()?];
        while self.eat("|") {
            all.push(self.sequence()?);
        }
        self.depth -= 1;
        if all.len() == 1 {
            return all.pop();
        }
        let sets = all.iter().map(|node| match node {
            Node::Set(set) if !set.is_negated => Some(set),
            _ => None,
        });
        if let Some(sets) = sets.collect::<Option<Vec<&Set>>>() {
            let items = sets.iter().flat_map(|set| set.items.iter().copied()).collect();
            return Some(Node::Set(Set { is_negated: false, ignores_case: self.flags.ignores_case, items }));
        }
        Some(Node::Alternate(all))
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut parts = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek() {
                None | Some('|' | ')') => break,
                Some(_) => {}
            }
            let Some(atom) = self.atom()? else { continue };
            let node = self.repeated(atom)?;
            parts.push(node);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Node::Concat(parts) })
    }

    /// `atom` with the repetitions after it.
    fn repeated(&mut self, atom: Node) -> Option<Node> {
        let mut node = atom;
        loop {
            self.skip_blanks();
            let start = self.at;
            let (min, max) = match self.peek() {
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('?') => (0, Some(1)),
                Some('{') => match self.bounds() {
                    Some(bounds) => bounds,
                    None => {
                        self.at = start;
                        return Some(node);
                    }
                },
                _ => return Some(node),
            };
            if self.at == start {
                self.at += 1;
            }
            if max.is_some_and(|max| max < min) {
                return None;
            }
            let is_lazy = self.eat("?");
            let is_possessive = !is_lazy && self.eat("+");
            node = Node::Repeat { node: Box::new(node), min, max, is_lazy };
            if is_possessive {
                node = Node::Atomic(Box::new(node));
            }
        }
    }

    /// `{3}`, `{3,}`, `{,5}` or `{3,5}`; `None` if the brace is a character.
    fn bounds(&mut self) -> Option<(u32, Option<u32>)> {
        self.at += 1;
        let min = self.number();
        let max = if self.eat(",") { self.number() } else { Some(min?) };
        let is_one = self.text.get(self.at) == Some(&'}') && (min.is_some() || self.text[self.at - 1] != '{');
        is_one.then(|| self.at += 1)?;
        (min.unwrap_or(0).max(max.unwrap_or(0)) <= REPEAT_LIMIT).then_some((min.unwrap_or(0), max))
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = None;
        while let Some(digit) = self.peek().and_then(|next| next.to_digit(10)) {
            number = Some(number.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit));
            self.at += 1;
        }
        number
    }

    /// `None` inside `Some` if there is nothing to match: flags or a comment.
    fn atom(&mut self) -> Option<Option<Node>> {
        let set = |set: Set| Some(Some(Node::Set(set)));
        let ignores_case = self.flags.ignores_case;
        match self.next()? {
            '(' => self.group(),
            '[' => set(self.class()?),
            '.' => {
                let items = if self.flags.dot_is_all { vec![] } else { vec![Item::Range('\n', '\n')] };
                set(Set { is_negated: true, ignores_case: false, items })
            }
            '^' => Some(Some(Node::At(if self.flags.is_multiline { Position::LineStart } else { Position::Start }))),
            '$' => Some(Some(Node::At(if self.flags.is_multiline { Position::LineEnd } else { Position::End }))),
            '*' | '+' | '?' => None,
            '\\' => {
                let position = match self.peek()? {
                    'A' => Some(Position::Start),
                    'Z' | 'z' => Some(Position::TextEnd),
                    'b' => Some(Position::WordBoundary),
                    'B' => Some(Position::NoWordBoundary),
                    _ => None,
                };
                if let Some(position) = position {
                    self.at += 1;
                    return Some(Some(Node::At(position)));
                }
                if self.peek().is_some_and(|digit| ('1'..='9').contains(&digit)) {
                    return Some(Some(Node::Back(self.number()? as usize)));
                }
                set(Set { is_negated: false, ignores_case, items: vec![self.escape()?] })
            }
            character => set(Set::of(character, ignores_case)),
        }
    }

    /// What comes after a backslash, in a class or outside.
    fn escape(&mut self) -> Option<Item> {
        let one = |character| Some(Item::Range(character, character));
        match self.next()? {
            'd' => Some(Item::Digit(true)),
            'D' => Some(Item::Digit(false)),
            'w' => Some(Item::Word(true)),
            'W' => Some(Item::Word(false)),
            's' => Some(Item::Space(true)),
            'S' => Some(Item::Space(false)),
            'n' => one('\n'),
            't' => one('\t'),
            'r' => one('\r'),
            'f' => one('\u{c}'),
            'v' => one('\u{b}'),
            'a' => one('\u{7}'),
            'b' => one('\u{8}'),
            '0' => one('\0'),
            'x' => one(self.hexadecimal(2)?),
            'u' => one(self.hexadecimal(4)?),
            'U' => one(self.hexadecimal(8)?),
            letter if letter.is_ascii_alphanumeric() => None,
            character => one(character),
        }
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<char> {
        let digits: String = (0..digits).map(|_| self.next()).collect::<Option<_>>()?;
        u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
    }

    fn class(&mut self) -> Option<Set> {
        let is_negated = self.eat("^");
        let mut items = Vec::new();
        loop {
            let first = match self.next()? {
                ']' if !items.is_empty() => break,
                '\\' => self.escape()?,
                character => Item::Range(character, character),
            };
            let is_range = self.peek() == Some('-') && self.text.get(self.at + 1).is_some_and(|after| *after != ']');
            if !is_range {
                items.push(first);
                continue;
            }
            self.at += 1;
            let last = match self.next()? {
                '\\' => self.escape()?,
                character => Item::Range(character, character),
            };
            let (Item::Range(first, _), Item::Range(_, last)) = (first, last) else { return None };
            items.push(Item::Range(first, last));
        }
        Some(Set { is_negated, ignores_case: self.flags.ignores_case, items })
    }

    /// What comes after an opening parenthesis.
    fn group(&mut self) -> Option<Option<Node>> {
        let flags = self.flags;
        let node = if !self.eat("?") {
            self.capture(String::new())?
        } else if self.eat("P<") {
            let name = self.until('>')?;
            self.capture(name)?
        } else if self.eat("P=") {
            let name = self.until(')')?;
            let number = self.names.iter().position(|known| *known == name)?;
            return Some(Some(Node::Back(number + 1)));
        } else if self.eat("#") {
            self.until(')')?;
            return Some(None);
        } else if self.eat("(") {
            // Which of both it is depends on a group; here either may match.
            self.until(')')?;
            self.alternatives()?
        } else if self.eat(">") {
            Node::Atomic(Box::new(self.alternatives()?))
        } else if let Some((_, is_behind, is_negated)) =
            [("=", false, false), ("!", false, true), ("<=", true, false), ("<!", true, true)]
                .into_iter()
                .find(|(mark, ..)| self.eat(mark))
        {
            Node::Look { node: Box::new(self.alternatives()?), is_behind, is_negated }
        } else {
            let mut value = true;
            loop {
                match self.next()? {
                    '-' => value = false,
                    ':' => break,
                    // These flags are for the whole expression.
                    ')' => return Some(None),
                    letter if letter.is_ascii_alphabetic() => self.flags.set(letter, value),
                    _ => return None,
                }
            }
            self.alternatives()?
        };
        self.flags = flags;
        self.eat(")").then_some(Some(node))
    }

    fn capture(&mut self, name: String) -> Option<Node> {
        self.names.push(name);
        let number = self.names.len();
        Some(Node::Capture(number, Box::new(self.alternatives()?)))
    }

    fn until(&mut self, end: char) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.next()? {
                next if next == end => return Some(text),
                next => text.push(next),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_reads_is_read_and_what_it_refuses_is_not() {
        for pattern in [
            r"\[\[ *(.+?) *\| *(.+?) *\]\]",
            r"(?P<q>['\x22]).*?(?P=q)",
            r"(?i:a)(?-i:b)(?s).",
            r"a{,3}b{2}c{2,}d{x}{",
            r"[]a]+[^]-]",
            r"(?<=ab)c(?<!d)(?!e)(?=f)",
            r"(?>a+)b++c*+",
            r"(a)?(?(1)b|c)",
            "(?x) a + # one\n b",
            "",
            r"[\w.-]+@[\d\-]",
            r"\u00e9\Z|\bx\B",
            "a||b",
        ] {
            assert!(parse(pattern).is_some(), "{pattern}");
        }
        for pattern in ["(", ")", "a)", "[", "\\", "*a", r"\q", "(?P<a", "a{3,2}", &"(".repeat(3000), "[a-\\d]"] {
            assert_eq!(parse(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn flags_and_sets_are_as_in_python() {
        assert_eq!(parse("(?x) a b # c\n\\ "), parse("ab[ ]"));
        assert_eq!(parse("(?x)a +"), parse("a+"));
        let Some(Node::Set(set)) = parse(r"\d|[ab]|c") else { panic!("one set") };
        assert!("7abc".chars().all(|one| set.contains(one)) && !set.contains('d'));
        let Some(Node::Set(set)) = parse("(?i)[^a-f]") else { panic!("one set") };
        assert!(!set.contains('B') && set.contains('g'));
    }
}
