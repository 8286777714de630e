//! Rules turned up, down or off by the user.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Finding, Rule, Severity};

/// What the user wants of each rule: `--rule ID=error|warning|off` and the same in hookstorm.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleLevels {
    levels: BTreeMap<Rule, Option<Severity>>,
}

/// Why `ID=LEVEL` cannot be taken.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("placeholder")]
pub struct LevelError;

impl RuleLevels {
    /// The finding at the level that the user wants; `None` where the rule is off.
    pub fn apply(&self, mut finding: Finding) -> Option<Finding> {
        match self.levels.get(&finding.rule) {
            None => Some(finding),
            Some(None) => None,
            Some(Some(severity)) => {
                finding.severity = *severity;
                Some(finding)
            }
        }
    }
}
