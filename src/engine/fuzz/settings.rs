//! [`FuzzSettings`].

use std::{sync::Arc, time::Duration};

use crate::corpus::{Corpus, remote};

/// What to fuzz and for how long. Without an end, fuzzing goes on until the user stops it.
#[derive(Clone, Debug)]
pub struct FuzzSettings {
    /// End after this number of sessions. Then no decision depends on a clock.
    pub runs: Option<u64>,
    /// End after this time.
    pub time: Option<Duration>,
    /// End if there was no new coverage and no new finding for this time.
    pub quiet: Option<Duration>,
    /// The seed of all generation, mutation and scheduling.
    pub seed: u64,
    /// How many threads, each with workers of its own.
    pub jobs: usize,
    /// Where cases of findings are written, and seeds in its [`Corpus::seeds`].
    pub corpus: Corpus,
    /// Whether sessions of the corpus may set options on top of the configuration.
    pub options: bool,
    /// Cases of other hosts, if the corpus is shared. Then the same seed does not give the same sessions.
    pub others: Option<Arc<remote::SharedCorpus>>,
}
