//! Corpus distillation: [`minimize_corpus`] finds the cases that a corpus can do without. What is left shows every
//! finding, and runs all that seeds and cases without a finding ran.
//!
//! Edges and features are observed in a worker whose plugin is instrumented; findings are examined in one whose plugin
//! is not, as everywhere. What a case ran on another platform or with another configuration is something else. A test
//! can cover a seed, but a seed never a test, because `replay` does not run seeds. A session that sets no options is
//! never covered by one that does, because `fuzz` runs that one only with `--vary-config`.

mod cases;
mod observe;
mod redundant;
mod run;
mod select;
mod set_cover;
#[cfg(test)]
mod tests;

pub use cases::{Cases, RemovalReason};
pub use run::minimize_corpus;
