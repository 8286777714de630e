//! Turns the results of engine and load into a [`Report`], once: every form is made from that.

use super::{
    CaseOutcome, CaseResult, FindingEntry, FuzzResult, History, HistoryPoint, LineCoverage, Mask, Report, SourceLine,
    SourceLines, Status,
};
use crate::{
    engine::{ReplayOutcome, ReplayedCase, Summary},
    finding::{Finding, RuleLevels, Severity},
    load::{Measured, rounded},
    report::Baseline,
};

/// What a run knows besides its results.
#[derive(Clone, Copy)]
pub struct RunContext<'a> {
    /// Reads lines of the plugin's files.
    pub source: SourceLines<'a>,
    /// Hides the secrets of the configuration. Those of a case are known from the case.
    pub mask: &'a Mask,
    /// Known findings.
    pub baseline: &'a Baseline,
}

impl Report {
    /// Adds what a run did and found.
    pub fn add_run(&mut self, summary: &Summary, context: RunContext<'_>) {
        let mask = context.mask;
        let seconds = summary.elapsed.as_secs_f64();
        self.sessions = summary.sessions;
        self.calls = summary.calls;
        self.elapsed_seconds = rounded(seconds);
        self.calls_per_second = if seconds > 0.0 { rounded(summary.calls as f64 / seconds) } else { 0.0 };
        self.coverage = LineCoverage::new(&summary.coverage, context.source, mask);
        for reported in &summary.reported {
            self.add_finding(FindingEntry::new(reported, mask), context, mask);
        }
        self.cautions.extend(summary.cautions.iter().map(|caution| mask.text(caution)));
        self.notes.extend(summary.notes.iter().cloned());
        self.hooks = summary.hooks.iter().map(|hook| hook.name().to_owned()).collect();
        self.fuzz = summary.fuzz.as_ref().map(FuzzResult::from);
        if summary.interrupted {
            self.status = Status::Interrupted;
        }
        self.update_status();
    }

    /// Adds the outcome of each case; what a case shows besides its recorded finding is added to the findings.
    pub fn add_replayed(&mut self, replayed: &[ReplayedCase], levels: &RuleLevels, context: RunContext<'_>) {
        let mask = context.mask;
        let mut cases = Vec::with_capacity(replayed.len());
        for one in replayed {
            let (case, findings) = self.replayed_case(one, levels, context.baseline);
            for finding in &findings {
                let finding = FindingEntry::of(finding, self.findings.len(), Some(case.path.clone()));
                self.add_finding(finding, context, mask);
            }
            cases.push(case);
        }
        self.cases = Some(cases);
        self.update_status();
    }

    /// Adds what `load` measured.
    pub fn add_load(&mut self, measured: Measured) {
        self.load = Some(measured);
        self.update_status();
    }

    /// Adds how the run progressed; its last point has the counts of the report.
    pub fn add_history(&mut self, history: &History) {
        self.history = history.points(HistoryPoint {
            at_seconds: history.elapsed_seconds(),
            sessions: self.sessions,
            calls: self.calls,
            findings: self.findings.len(),
            lines_hit: (self.coverage.lines > 0).then_some(self.coverage.lines_hit),
        });
    }

    fn add_finding(&mut self, mut finding: FindingEntry, context: RunContext<'_>, mask: &Mask) {
        let RunContext { source, baseline, .. } = context;
        let is_known = |fingerprint: &str| baseline.knows(fingerprint);
        finding.known = is_known(&finding.fingerprint) || finding.former.as_deref().is_some_and(is_known);
        finding.again =
            finding.case.as_deref().map(|case| self.again.case(&self.plugin.path, case, Some(&finding.rule)));
        if let Some(place) = &mut finding.location {
            // MANIFEST is the plugin's own even if it is missing.
            place.in_plugin = place.line.is_none_or(|line| source(&place.file, line).is_some());
            finding.source = SourceLine::around(&place.file, place.line.unwrap_or(0), source, mask);
        }
        self.findings.push(finding);
    }

    /// The case, and the findings that it shows now instead of the recorded one, at the user's levels.
    fn replayed_case(
        &self,
        one: &ReplayedCase,
        levels: &RuleLevels,
        baseline: &Baseline,
    ) -> (CaseResult, Vec<Finding>) {
        let found = one.case.found.as_ref();
        let (mut severity, mut reason, mut findings) = (None, None, Vec::new());
        let outcome = match &one.outcome {
            ReplayOutcome::StillThere(finding) => {
                let level = levels.apply(finding.clone()).map_or(Severity::Warning, |finding| finding.severity);
                severity = Some(level);
                CaseOutcome::StillThere
            }
            ReplayOutcome::Fixed => CaseOutcome::Fixed,
            ReplayOutcome::Became(shown) => {
                findings.clone_from(shown);
                CaseOutcome::BecameAnother
            }
            ReplayOutcome::Silent => CaseOutcome::Silent,
            ReplayOutcome::Failed(shown) => {
                findings.clone_from(shown);
                CaseOutcome::Broke
            }
            ReplayOutcome::OtherType => CaseOutcome::OtherType,
            ReplayOutcome::WantsOther => CaseOutcome::WantsOther,
            ReplayOutcome::CannotRun(problem) => {
                reason = Some(problem.clone());
                CaseOutcome::Broken
            }
            ReplayOutcome::NotRun => CaseOutcome::NotRun,
        };
        let findings: Vec<Finding> = findings.into_iter().filter_map(|finding| levels.apply(finding)).collect();
        let known = match outcome {
            CaseOutcome::StillThere => found.is_some_and(|found| baseline.knows(&found.fingerprint)),
            _ => !findings.is_empty() && findings.iter().all(|one| baseline.knows_finding(one)),
        };
        let path = one.path.to_string_lossy().into_owned();
        let case = CaseResult {
            outcome,
            reason,
            rule: found.map(|found| found.rule.clone()),
            fingerprint: found.map(|found| found.fingerprint.clone()),
            message: found.map(|found| found.message.clone()),
            severity,
            known,
            again: Some(self.again.case(&self.plugin.path, &path, found.map(|found| found.rule.as_str()))),
            path,
        };
        (case, findings)
    }

    fn update_status(&mut self) {
        if self.status != Status::Interrupted {
            self.status = if self.is_failure() { Status::Findings } else { Status::Ok };
        }
    }
}
