//! [`ReplayOutcome`]: what a case shows now, compared with what it recorded.

use std::{path::PathBuf, time::Duration};

use crate::{
    case::Case,
    finding::{Finding, Rule, RuleLevels, Severity},
};

/// What a case shows now.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayOutcome {
    /// A case without a recorded finding shows none; warnings do not count.
    Silent,
    /// A case without a recorded finding shows these.
    Failed(Vec<Finding>),
    /// It still shows the recorded finding.
    StillThere(Finding),
    /// The recorded finding is fixed, and the case shows nothing as bad.
    Fixed,
    /// The recorded finding is fixed, and the case shows these instead.
    Became(Vec<Finding>),
    /// It is for another type of plugin, and did not run.
    OtherType,
    /// Some of its calls go to another plugin, and there is none.
    WantsOther,
    /// It could not run: for example, the plugin does not load with its configuration.
    CannotRun(String),
    /// The user stopped the replay before its turn.
    NotRun,
}

/// A case and its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayedCase {
    /// The case's file.
    pub path: PathBuf,
    /// The case.
    pub case: Case,
    /// What it shows now.
    pub outcome: ReplayOutcome,
}

/// What a replay did.
#[derive(Clone, Debug, Default)]
pub struct ReplaySummary {
    /// Every case, in the order in which they were passed.
    pub replayed: Vec<ReplayedCase>,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether the user stopped it before its end.
    pub interrupted: bool,
}

impl ReplayOutcome {
    /// The outcome of a case that shows `findings`. These come from all rules; `levels` are those that the user set.
    pub(super) fn new(case: &Case, findings: Vec<Finding>, levels: &RuleLevels) -> Self {
        let recorded = case.found.as_ref();
        if let Some(recorded) = recorded
            && let Some(finding) = findings.iter().find(|finding| finding.has_fingerprint(&recorded.fingerprint))
        {
            return Self::StillThere(levels.apply(finding.clone()).unwrap_or_else(|| finding.clone()));
        }
        let wanted: Vec<Finding> = findings.into_iter().filter_map(|finding| levels.apply(finding)).collect();
        // If the recorded finding was a warning, a new warning counts. If it was an error, a warning beside it is not
        // new.
        let bad = recorded
            .and_then(|recorded| Rule::named(&recorded.rule))
            .map_or(Severity::Error, |rule| rule.severity().min(Severity::Error));
        let is_bad = wanted.iter().any(|finding| finding.severity >= bad);
        match (recorded, is_bad) {
            (None, false) => Self::Silent,
            (None, true) => Self::Failed(wanted),
            (Some(_), false) => Self::Fixed,
            (Some(_), true) => Self::Became(wanted),
        }
    }
}
