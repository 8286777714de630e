//! What a finding is: [`Rule`] and the registry of all rules, [`Severity`], [`Finding`], the [`Fingerprint`] that
//! identifies it, and [`RuleLevels`], with which a user changes the severity of rules or turns them off.
//! [`Finding::draft`] starts one.
//!
//! No judging here: rooms that find something make the findings.
#![forbid(unsafe_code)]

mod draft;
#[expect(clippy::module_inception, reason = "the room has the name of its main type")]
mod finding;
mod fingerprint;
mod level;
mod rule;
mod severity;

pub use draft::Draft;
pub use finding::{Finding, Location};
pub use fingerprint::{Fingerprint, fingerprint};
pub use level::{LevelError, RuleLevels};
pub use rule::{Phase, Rule};
pub use severity::Severity;
