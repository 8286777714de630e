//! Runs sessions and finds what breaks: [`property()`] (seeded, in parallel), [`fuzz()`] (coverage-guided),
//! [`replay()`] (recorded cases), [`shrink_case()`] and [`minimize_corpus`], and [`run_case()`] (one case). `load` uses
//! [`reproduce`].
//!
//! A run emits [`Event`]s and returns a [`Summary`]. Nothing here prints, and nothing here touches Python: a [`Plan`]
//! has all that a run needs. Start reading at `property/run.rs`; from there follow `batch_result` (what a batch
//! showed), `triage` (what is decided about it) and `reproducer` (how a finding is run again in a fresh process).
#![forbid(unsafe_code)]

mod attempt_runner;
mod batch;
mod batch_result;
mod cause;
mod compare;
mod coverage;
mod decisive;
mod distill;
mod error;
mod event;
mod exclusive_run;
mod failure;
#[cfg(test)]
mod fake;
mod finding_table;
mod fuzz;
mod generator;
mod group;
mod judge;
mod known_hangs;
mod ordered_merge;
mod parallel_run;
mod pending;
mod plan;
mod property;
mod reach;
mod replay;
mod reproducer;
mod reproducer_pool;
mod run_case;
mod sdk;
mod session_source;
mod shrink;
mod shrink_case;
mod stop;
mod summary;
mod threads;
mod triage;

pub use coverage::Coverage;
pub use distill::{Cases, RemovalReason, minimize_corpus};
pub use error::EngineError;
pub use event::Event;
pub use fuzz::{CoverageEvent, EndReason, FuzzProgress, FuzzSettings, FuzzStats, fuzz};
pub use generator::Generator;
pub(crate) use group::{arrange, group};
pub use judge::{Judge, Oracles};
pub use pending::{PendingFindings, reproduce};
pub use plan::{Plan, Setup, Workers, workers};
pub use property::{PropertySettings, property};
pub use reach::{End, EndPlace, Reach};
pub use replay::{ReplayOutcome, ReplaySummary, ReplayedCase, replay};
pub use run_case::run_case;
pub use session_source::{SessionShrinker, SessionSource};
pub use shrink_case::{ShrinkOutcome, ShrunkCase, shrink_case};
pub use stop::Stop;
pub use summary::{DecisiveArgument, ReportedFinding, Summary};
pub(crate) use threads::in_threads;
