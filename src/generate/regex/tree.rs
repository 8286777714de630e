//! The syntax tree of a regular expression.

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::generate) enum Node {
    /// One character.
    Set(Set),
    /// A position, without a character.
    At(Position),
    /// One after another; none is the empty text.
    Concat(Vec<Self>),
    /// One of several, the first that fits.
    Alternate(Vec<Self>),
    /// Many times.
    Repeat {
        /// What is repeated.
        node: Box<Self>,
        /// How often at least.
        min: u32,
        /// How often at most.
        max: Option<u32>,
        /// Whether as few as possible come first.
        is_lazy: bool,
    },
    /// A group with a number.
    Capture(usize, Box<Self>),
    /// What stands before or after this position, or does not.
    Look {
        /// The text there.
        node: Box<Self>,
        /// Whether it stands before.
        is_behind: bool,
        /// Whether it must not be there.
        is_negated: bool,
    },
    /// Matched without going back into it.
    Atomic(Box<Self>),
    /// The text of an earlier group.
    Back(usize),
}

/// A position in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::generate) enum Position {
    /// `^`, `\A`
    Start,
    /// `^` of each line
    LineStart,
    /// `$`: at the end, or before a line break there
    End,
    /// `$` of each line
    LineEnd,
    /// `\Z`
    TextEnd,
    /// `\b`
    WordBoundary,
    /// `\B`
    NoWordBoundary,
}

/// A set of characters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::generate) struct Set {
    /// Whether it has the characters that `items` lack.
    pub(in crate::generate) is_negated: bool,
    /// Whether case makes no difference.
    pub(in crate::generate) ignores_case: bool,
    /// The characters.
    pub(in crate::generate) items: Vec<Item>,
}

/// Characters of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::generate) enum Item {
    /// From one to another.
    Range(char, char),
    /// `\d`; false is `\D`.
    Digit(bool),
    /// `\w`; false is `\W`.
    Word(bool),
    /// `\s`; false is `\S`.
    Space(bool),
}

impl Set {
    /// One character.
    pub(super) fn of(character: char, ignores_case: bool) -> Self {
        Self { is_negated: false, ignores_case, items: vec![Item::Range(character, character)] }
    }

    /// Whether the set has the character.
    pub(in crate::generate) fn contains(&self, character: char) -> bool {
        let has = |character: char| {
            self.items.iter().any(|item| match *item {
                Item::Range(first, last) => (first..=last).contains(&character),
                Item::Digit(is_in) => character.is_numeric() == is_in,
                Item::Word(is_in) => is_word(character) == is_in,
                Item::Space(is_in) => character.is_whitespace() == is_in,
            })
        };
        let is_in = has(character)
            || self.ignores_case && (has(character.to_ascii_lowercase()) || has(character.to_ascii_uppercase()));
        is_in != self.is_negated
    }
}

/// Whether `\w` has the character.
pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
