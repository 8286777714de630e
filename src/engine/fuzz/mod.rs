//! Coverage-guided fuzzing: [`fuzz`] keeps sessions with new coverage, mutates them, and uses the operands that the
//! plugin compares.
//!
//! One process, a thread for each worker. A thread (`explore`) runs sessions in a worker whose plugin is instrumented.
//! The threads share one [`state`](state::FuzzState): the edges that ran (`coverage_map`), the features that were seen
//! (`feature`), the testcases and the scheduler that draws among them (`scheduler`), and the sessions that comparisons
//! suggest (`cmp_queue`). Findings go through the same triage as in [`crate::engine::property()`]: they are reproduced
//! in a fresh process whose plugin is not instrumented, written, shrunk, and only then reported.
//!
//! With one thread and a number of runs, the same seed gives the same sessions, testcases and findings. Every part has
//! bounded memory.

mod cmp_queue;
mod coverage_map;
mod explore;
mod feature;
mod fuzz_batch;
mod fuzz_run;
mod initial_corpus;
mod mix;
mod progress;
mod repeat_filter;
mod run;
mod scheduler;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod work_item;

pub(super) use feature::{Feature, features, is_aborted};
pub use progress::{CoverageEvent, EndReason, FuzzProgress, FuzzStats};
pub use run::fuzz;
pub use settings::FuzzSettings;
