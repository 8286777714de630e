//! [`Cases`] of a corpus, and what becomes of each.

use std::path::PathBuf;

use crate::{
    case::Case,
    corpus::size,
    engine::{Plan, Setup},
};

/// How many classes of cases there are, see [`Cases::class`].
pub(super) const CLASSES: usize = 4;

/// Why a case can be removed from its corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemovalReason {
    /// This case shows the same finding and is smaller.
    SmallerShowsIt(PathBuf),
    /// This case is the same.
    SameAs(PathBuf),
    /// It shows no finding, and the cases that stay run all that it runs.
    NothingNew,
}

/// What becomes of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Stays,
    Removed(RemovalReason),
    /// It stays only if it is needed for what it runs.
    IfNeeded,
}

/// The cases of a corpus.
#[derive(Clone, Copy, Debug)]
pub struct Cases<'a> {
    /// The cases that `replay` runs.
    pub tests: &'a [(PathBuf, Case)],
    /// The seeds that `fuzz` learned.
    pub seeds: &'a [(PathBuf, Case)],
}

impl<'a> Cases<'a> {
    pub(super) fn get(self, index: usize) -> &'a (PathBuf, Case) {
        self.tests.get(index).unwrap_or_else(|| &self.seeds[index - self.tests.len()])
    }

    pub(super) fn case(self, index: usize) -> &'a Case {
        &self.get(index).1
    }

    pub(super) fn path(self, index: usize) -> &'a PathBuf {
        &self.get(index).0
    }

    pub(super) fn len(self) -> usize {
        self.tests.len() + self.seeds.len()
    }

    /// A set of bits: is a seed, sets options. One case can cover another if it has no bit that the other one lacks.
    pub(super) fn class(self, index: usize) -> usize {
        let sets_options = !self.case(index).session.options.is_empty();
        usize::from(index >= self.tests.len()) << 1 | usize::from(sets_options)
    }

    /// All indices, those of the preferred cases first.
    pub(super) fn by_preference(self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_cached_key(|&index| (self.class(index), size(self.case(index)), self.path(index).clone()));
        order
    }
}

/// Whether the case is for this type of plugin, and does not need another plugin that is not there.
pub(super) fn can_run(plan: &Plan<'_>, case: &Case) -> bool {
    case.plugin_type == (plan.subject)(&Setup::default()).plugin_type && !plan.lacks_other(case)
}
