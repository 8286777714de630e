//! `replay`: runs recorded cases again, those that once broke and those that must not break ([`replay`]). Every case
//! runs in fresh processes, on its own platform and with its own configuration.

mod outcome;
mod run;
#[cfg(test)]
mod tests;

pub use outcome::{ReplayOutcome, ReplaySummary, ReplayedCase};
pub use run::replay;
