//! [`EngineError`].

use thiserror::Error;

use crate::{corpus::CorpusError, runtime::RuntimeError};

/// Why a run failed. What it had found until then is on disk.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The runtime failed, not the plugin.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A case could not be written.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The system started no threads.
    #[error("cannot start {jobs} threads: {problem}; ask for fewer with `--jobs`")]
    Threads {
        /// How many threads the run needs.
        jobs: usize,
        /// The system's error.
        problem: String,
    },
}
