//! [`FuzzResult`]: what `fuzz` reached.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{engine::FuzzStats, load::rounded};

/// What `fuzz` reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(!default)]
pub struct FuzzResult {
    /// Why it ended: runs, time, quiet, asked or only-timeouts.
    pub ended: String,
    /// Places in the plugin's code that were instrumented; 0 without instrumentation.
    pub instrumented: usize,
    /// Edges that ran.
    pub edges: usize,
    /// Features: distinct outcomes of calls.
    pub features: usize,
    /// Sessions that brought new coverage.
    pub corpus: usize,
    /// Those of them that were not in the corpus before.
    pub corpus_new: usize,
    /// When the last new edge ran, since the beginning; null if none did.
    pub last_edge_seconds: Option<f64>,
}

impl From<&FuzzStats> for FuzzResult {
    fn from(fuzzed: &FuzzStats) -> Self {
        Self {
            ended: fuzzed.ended.name().to_owned(),
            instrumented: fuzzed.instrumented,
            edges: fuzzed.edges,
            features: fuzzed.features,
            corpus: fuzzed.entries,
            corpus_new: fuzzed.entries_new,
            last_edge_seconds: fuzzed.last_edge.map(|time| rounded(time.as_secs_f64())),
        }
    }
}
