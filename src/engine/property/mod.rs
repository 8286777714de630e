//! `test`: [`property`] runs seeded sessions in parallel. The same seed and the same number of runs give the same cases
//! and findings for any number of jobs, because everything is decided in the order of the sessions.
//!
//! `session_plan` says which sessions there are; `run` has the threads.

mod run;
mod session_plan;
mod settings;
#[cfg(test)]
mod tests;

pub use run::property;
pub use settings::PropertySettings;
