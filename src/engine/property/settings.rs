//! [`PropertySettings`].

use crate::corpus::Corpus;

/// What to run in a property run.
#[derive(Clone, Debug)]
pub struct PropertySettings {
    /// How many sessions; the first of them are nominal.
    pub runs: u64,
    /// The seed of the generated sessions.
    pub seed: u64,
    /// How many threads, each with a worker of its own.
    pub jobs: usize,
    /// Run only part `k` of `n`, counted from 1: all nominal sessions, and every n-th generated one.
    pub partition: Option<(u64, u64)>,
    /// Where cases are written.
    pub corpus: Corpus,
}
