//! The comparison log, as AFL++ calls it: the values that the plugin's own code compared. It shows the fuzzer which
//! value a branch expects, and where in the session that value comes from.

use crate::case::Value;

/// The most comparisons that a worker reports for a session.
pub const CMP_LOG_LIMIT: usize = 256;

/// Two values that the plugin's own code compared while a session ran.
#[derive(Clone, Debug, PartialEq)]
pub struct CmpLogEntry {
    /// Which comparison of the plugin's code it is: the same number for the same place, in every process.
    pub place: u32,
    /// How the values are compared.
    pub kind: CmpKind,
    /// The left operand: the key of a [`CmpKind::Key`], the text of a prefix, a suffix or a pattern.
    pub left: Value,
    /// The right operand: the container of a [`CmpKind::Contains`] or [`CmpKind::Key`], the prefix, suffix or pattern.
    pub right: Value,
    /// Whether the relation of `kind` is true. For `!=`, `is not` and `not in` it is that of `==`, `is` and `in`.
    pub matched: bool,
}

/// How two values are compared. The discriminant is the number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CmpKind {
    /// `left == right`, `left != right`, `left is right`, a `case` of `match`.
    Equal = 0,
    /// `left < right`, `<=`, `>` or `>=`.
    Order = 1,
    /// `left in right` of a text, list or set.
    Contains = 2,
    /// `right[left]`, `right.get(left)`, `left in right` of a dict. `right` is the list of the dict's keys.
    Key = 3,
    /// `left.startswith(right)`.
    Prefix = 4,
    /// `left.endswith(right)`.
    Suffix = 5,
    /// `re.match(right, left)`, `re.search` and so on.
    Pattern = 6,
}

impl CmpKind {
    /// Every kind, by its number.
    pub const ALL: [Self; 7] =
        [Self::Equal, Self::Order, Self::Contains, Self::Key, Self::Prefix, Self::Suffix, Self::Pattern];

    /// The kind with that number on the wire.
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}
