//! What a campaign that learns is asked for: [`FuzzSettings`].

use std::{sync::Arc, time::Duration};

use crate::corpus::{Corpus, remote};

/// What a campaign is asked for. Without an end it goes on until somebody asks it to stop.
#[derive(Clone, Debug)]
pub struct FuzzSettings {
    /// End after that many sessions. Then no clock steers what is run.
    pub runs: Option<u64>,
    /// End after that long.
    pub time: Option<Duration>,
    /// End when nothing was new for that long: no coverage, no outcome, no finding.
    pub quiet: Option<Duration>,
    /// What all that is drawn depends on.
    pub seed: u64,
    /// How many threads, each with workers of its own.
    pub jobs: usize,
    /// Where cases are written, and what was learned in its [`Corpus::seeds`].
    pub corpus: Corpus,
    /// Whether sessions of the corpus may set options on top of the configuration.
    pub options: bool,
    /// What other hosts find meanwhile, where the corpus is shared. Then the same seed does not give the same sessions.
    pub others: Option<Arc<remote::Shared>>,
}
