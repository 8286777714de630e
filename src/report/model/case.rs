//! [`CaseResult`] and [`MinimizedCase`]: what `replay` and `minimize` did with each case.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{case::Case, finding::Severity};

/// A case that was replayed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CaseResult {
    /// The case's file.
    pub path: String,
    /// still-there, fixed, became-another, silent, broke, other-type, wants-other, broken or not-run.
    #[schemars(with = "String")]
    pub outcome: CaseOutcome,
    /// Why it could not be run, if it is broken; null otherwise.
    pub reason: Option<String>,
    /// The rule that it once broke; null for a regression test.
    pub rule: Option<String>,
    /// The fingerprint of the recorded finding; null for a regression test.
    pub fingerprint: Option<String>,
    /// The message of the recorded finding; null for a regression test.
    pub message: Option<String>,
    /// The level of that rule, if the finding is still there; null otherwise.
    pub severity: Option<Severity>,
    /// Whether all that it shows is in the baseline, so that it fails no run.
    #[serde(default)]
    #[schemars(!default)]
    pub known: bool,
    /// The command that runs it alone, to be pasted into a shell.
    #[serde(default)]
    #[schemars(!default, with = "String")]
    pub again: Option<String>,
}

/// The outcome of a replayed case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum CaseOutcome {
    /// The recorded finding is still there.
    StillThere,
    /// The recorded finding is gone, and the case shows no other.
    Fixed,
    /// The recorded finding is gone, and the case shows others.
    BecameAnother,
    /// A regression test that shows no finding, as it should.
    Silent,
    /// A regression test that shows findings.
    Broke,
    /// The case is for a plugin of another type and was not run.
    OtherType,
    /// Some calls of the case go to a second plugin; none was named, so it was not run.
    WantsOther,
    /// It cannot be run: the plugin does not load with its configuration, for instance.
    Broken,
    /// The user stopped the replay before its turn.
    NotRun,
    /// An outcome that only a later version knows.
    Unknown(String),
}

static NAMES: [(CaseOutcome, &str); 9] = [
    (CaseOutcome::StillThere, "still-there"),
    (CaseOutcome::Fixed, "fixed"),
    (CaseOutcome::BecameAnother, "became-another"),
    (CaseOutcome::Silent, "silent"),
    (CaseOutcome::Broke, "broke"),
    (CaseOutcome::OtherType, "other-type"),
    (CaseOutcome::WantsOther, "wants-other"),
    (CaseOutcome::Broken, "broken"),
    (CaseOutcome::NotRun, "not-run"),
];

impl From<String> for CaseOutcome {
    fn from(name: String) -> Self {
        match NAMES.iter().find(|(_, known)| *known == name) {
            Some((outcome, _)) => outcome.clone(),
            None => Self::Unknown(name),
        }
    }
}

impl From<CaseOutcome> for String {
    fn from(outcome: CaseOutcome) -> Self {
        outcome.name().to_owned()
    }
}

impl CaseOutcome {
    /// Its name in JSON.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown(name) => name,
            known => NAMES.iter().find(|(outcome, _)| outcome == known).map_or("", |(_, name)| *name),
        }
    }
}

impl CaseResult {
    /// Whether it fails a run by itself. New findings of a case fail the run as every finding does.
    pub(crate) fn is_failure(&self) -> bool {
        match self.outcome {
            CaseOutcome::StillThere => self.severity == Some(Severity::Error) && !self.known,
            // A case that cannot be run any more must not pass for a silent one.
            CaseOutcome::Broken => true,
            _ => false,
        }
    }
}

/// A case that was shrunk, or removed from its corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MinimizedCase {
    /// The case's file.
    pub path: String,
    /// Its size before.
    pub before: CaseSize,
    /// Null if it was removed from the corpus.
    pub after: Option<CaseSize>,
    /// Why it was removed; null if it stays.
    pub reason: Option<String>,
}

/// The size of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseSize {
    /// How many calls it has.
    pub calls: usize,
    /// The arguments of all calls.
    pub arguments: usize,
}

impl MinimizedCase {
    /// A case that stays in its file with this size.
    pub(crate) fn shrunk(path: &Path, before: &Case, after: &Case) -> Self {
        let path = path.to_string_lossy().into_owned();
        Self { path, before: CaseSize::of(before), after: Some(CaseSize::of(after)), reason: None }
    }

    /// A case that was removed.
    pub(crate) fn removed(path: &Path, case: &Case, reason: &str) -> Self {
        Self { after: None, reason: Some(reason.to_owned()), ..Self::shrunk(path, case, case) }
    }
}

impl CaseSize {
    fn of(case: &Case) -> Self {
        let calls = &case.session.calls;
        Self { calls: calls.len(), arguments: calls.iter().map(|call| call.arguments.len()).sum() }
    }
}
