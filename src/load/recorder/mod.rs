//! [`Recorder`]: records what happens in a load test and makes [`super::Measured`] of it.
//!
//! Its memory is bounded for any length of the run, below 32 MB: times are kept as distributions (`times`), and the
//! course of the run in parts that become longer (`series`). To record a call costs well below a microsecond, so
//! measuring does not show in what is measured. The recorder has no clock: all moments are arguments, counted from the
//! start of the run.

mod backlog;
mod input;
mod progress;
mod record;
mod rounds;
mod series;
mod timeline;
mod times;
mod totals;
mod window;

#[cfg(test)]
mod tests;

pub use input::{CallTimes, RunShape};
pub use progress::LoadProgress;
pub use record::Recorder;
