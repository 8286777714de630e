//! What `replay` and `minimize` did with each case, in the report for machines.

use schemars::JsonSchema;
use serde::Serialize;

use super::finding::SeverityJson;
use crate::{
    finding::{Baseline, Rule},
    report::{After, Again, Minimized, Outcome, Replayed, Size},
};

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReplayedJson {
    /// The case's file.
    path: String,
    /// still-there, fixed, became-another, silent, broke, other-type, wants-other, broken or not-run.
    outcome: &'static str,
    /// Why it could not be run, where it is broken; null otherwise.
    reason: Option<String>,
    /// The rule that it once broke; null for a regression test.
    rule: Option<String>,
    fingerprint: Option<String>,
    /// What it once said; null for a regression test.
    message: Option<String>,
    /// The level of that rule, where it is still there; null otherwise.
    severity: Option<SeverityJson>,
    /// Whether all that it shows is in the baseline, so that it fails no run.
    known: bool,
    /// The command that runs it alone, to be pasted into a shell.
    again: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MinimizedJson {
    /// The case's file.
    path: String,
    before: SizeJson,
    /// Null where it was taken out of the corpus.
    after: Option<SizeJson>,
    /// Why it was taken out; null where it stays.
    reason: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SizeJson {
    calls: usize,
    arguments: usize,
}

impl ReplayedJson {
    pub(super) fn new(one: &Replayed, again: &Again, baseline: &Baseline) -> Self {
        let rule = one.found.as_ref().and_then(|found| Rule::named(&found.rule));
        Self {
            path: one.path.to_string_lossy().into_owned(),
            outcome: one.outcome.name(),
            reason: match &one.outcome {
                Outcome::Broken(reason) => Some(reason.clone()),
                _ => None,
            },
            rule: one.found.as_ref().map(|found| found.rule.clone()),
            fingerprint: one.found.as_ref().map(|found| found.fingerprint.clone()),
            message: one.found.as_ref().map(|found| found.message.clone()),
            severity: match &one.outcome {
                Outcome::StillThere(severity) => Some((*severity).into()),
                _ => None,
            },
            known: one.is_known(baseline),
            again: again.case(&one.path, rule),
        }
    }
}

impl MinimizedJson {
    pub(super) fn new(one: &Minimized) -> Self {
        let (after, reason) = match &one.after {
            After::Stays(size) => (Some(SizeJson::of(*size)), None),
            After::TakenOut(reason) => (None, Some(reason.clone())),
        };
        let path = one.path.to_string_lossy().into_owned();
        Self { path, before: SizeJson::of(one.before), after, reason }
    }
}

impl SizeJson {
    const fn of(size: Size) -> Self {
        Self { calls: size.calls, arguments: size.arguments }
    }
}
