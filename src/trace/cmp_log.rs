//! What a plugin compared with what: the words that a branch waits for, and where they have to stand.

use crate::case::Value;

/// Two values that the plugin's own code compared while a session ran.
#[derive(Clone, Debug, PartialEq)]
pub struct CmpLogEntry {
    /// Which comparison of the plugin's code it was: the same number for the same place, in every process.
    pub place: u32,
    /// How.
    pub kind: CmpKind,
    /// What stood on the left: for [`CmpKind::Key`] the key, for a prefix the text that should have it.
    pub left: Value,
    /// What stood on the right: for [`CmpKind::Contains`] the text or list, for a prefix the prefix.
    pub right: Value,
    /// Whether it matched; of `!=`, `is not` and `not in`, whether what they deny did.
    pub matched: bool,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CmpKind {
    /// `left == right`, `left != right`, `left is right`, a `case` of `match`.
    Equal = 0,
    /// `left < right` and its kin.
    Order = 1,
    /// `left in right` of a text, list or set.
    Contains = 2,
    /// `right[left]`, `right.get(left)`, `left in right` of a dict, whose keys are in `right` as a list.
    Key = 3,
    /// `left.startswith(right)`.
    Prefix = 4,
    /// `left.endswith(right)`.
    Suffix = 5,
    /// `re.match(right, left)` and its kin.
    Pattern = 6,
}

impl CmpKind {
    /// Every kind, by number.
    pub const ALL: [Self; 7] =
        [Self::Equal, Self::Order, Self::Contains, Self::Key, Self::Prefix, Self::Suffix, Self::Pattern];

    /// The kind with that number.
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}
