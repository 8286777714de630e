//! Reports. [`Report`] is what a command did and found; it is made once of the results of engine and load (`from_run`),
//! written as JSON and read again by the same types (`model`), and every [`Format`] is made from it, a file for each:
//! [`text`], [`sarif`], [`junit`], [`markdown`], [`page`], and `ndjson` for events. [`schema`] describes the JSON.
//!
//! Nothing here judges a plugin. No text of a plugin reaches a terminal raw (`plain`), and no secret is shown
//! ([`Mask`]).
#![forbid(unsafe_code)]

pub mod junit;
pub mod markdown;
pub mod page;
pub mod sarif;
pub mod schema;
pub mod text;

mod baseline;
mod diagnosis;
mod excerpt;
mod explanation;
mod format;
mod from_run;
mod lookalike;
mod mask;
mod model;
pub(crate) mod ndjson;
pub(crate) mod plain;
pub(crate) mod progress;
pub(crate) mod style;

#[cfg(test)]
pub(crate) mod examples;
#[cfg(test)]
mod tests;

pub use baseline::{Baseline, BaselineError};
pub use diagnosis::{Check, CheckGroup, Diagnosis, State};
pub use format::{Format, FormatOptions};
pub use from_run::RunContext;
pub use mask::Mask;
pub use model::{
    CallOutput, CaseOutcome, CaseResult, CaseSize, CodeLocation, DecisiveValue, FileCoverage, FindingEntry, FuzzResult,
    History, HistoryPoint, LineCoverage, MinimizedCase, MissingProtection, ObservedCall, ObservedSession, OptionValue,
    PluginInfo, Report, ReportError, Rerun, SandboxMode, SandboxStatus, SourceLine, SourceLines, Status,
};
