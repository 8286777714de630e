//! What a report contains: one file for each noun, each type written and read as the JSON that `hookstorm schema
//! report` describes. [`Report`] is the whole.
//!
//! A report of any version can be read: unknown fields are ignored, fields that came later may be absent, unknown rules
//! stay names. Fields are added, never renamed. Facts that only the running command knows have no place in the JSON;
//! such fields are skipped, and absent in a report that was read from a file.

mod call;
mod case;
mod coverage;
mod finding;
mod fuzz;
mod history;
mod report;
mod rerun;
mod sandbox;
mod severity;
mod source;

pub use call::{CallOutput, ObservedCall, ObservedSession};
pub use case::{CaseOutcome, CaseResult, CaseSize, MinimizedCase};
pub use coverage::{FileCoverage, LineCoverage};
pub use finding::{CodeLocation, DecisiveValue, FindingEntry, OptionValue};
pub use fuzz::FuzzResult;
pub use history::{History, HistoryPoint};
pub(super) use report::without_place;
pub use report::{PluginInfo, Report, ReportError, Status};
pub use rerun::Rerun;
pub use sandbox::{MissingProtection, SandboxMode, SandboxStatus};
pub use source::{SourceLine, SourceLines};
