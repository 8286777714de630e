//! [`BatchResult`]: what triage needs to know of a batch that ran. Sessions and traces are dropped at once, so that
//! memory stays the same however many sessions run.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    case::Session,
    contract::Hook,
    engine::{
        Reach,
        cause::{self, SeenCookies},
        reproducer::{ended_early, rank, timed_out},
    },
    finding::{Finding, Fingerprint},
    trace::Trace,
};

/// How many sessions of one batch are kept for each name that may carry state over.
pub(super) const SESSIONS_FOR_A_CHANGE: u32 = 3;
/// How many changed names of one session are kept.
const CHANGES_OF_A_SESSION: usize = 16;

/// What a batch showed.
#[derive(Debug, Default)]
pub(super) struct BatchResult {
    /// Sessions that ran.
    pub(super) sessions: u64,
    /// Calls that ran.
    pub(super) calls: u64,
    /// Findings of the fast run, not reproduced yet.
    pub(super) candidates: BTreeMap<Fingerprint, CandidateFinding>,
    /// For each session, by its number, the names that it changed and that may carry state over.
    pub(super) changes: BTreeMap<u64, Vec<String>>,
    /// For each hook, how many nominal sessions called it.
    pub(super) nominal_calls: BTreeMap<Hook, u64>,
    /// The hooks of the plugin under test that were called.
    pub(super) hooks: BTreeSet<Hook>,
    /// Sessions with a call that reached the time limit, or was ended before.
    pub(super) timed_out: Vec<u64>,
    /// How many of them were ended before.
    pub(super) ended_early: u64,
    /// How far the sessions got.
    pub(super) reach: Reach,
    /// Cookies that hooks returned.
    pub(super) cookies: SeenCookies,
    /// For each name, how many sessions changed it.
    changed: BTreeMap<String, u32>,
}

/// A finding of the fast run that is not reproduced yet, in the sessions of one batch.
#[derive(Debug)]
pub(super) struct CandidateFinding {
    /// How many sessions showed it.
    pub(super) sessions: u64,
    /// For each rank, the first session that showed it, with the finding.
    pub(super) examples: Vec<(u64, Finding)>,
    /// The first session in which the result of an earlier call was lost.
    pub(super) after_loss: Option<u64>,
}

impl BatchResult {
    /// Counts what a session showed.
    pub(super) fn add(
        &mut self,
        number: u64,
        session: &Session,
        findings: Vec<Finding>,
        trace: &Trace,
        is_nominal: bool,
    ) {
        let is_own = |call: &usize| session.calls.get(*call).is_some_and(|call| !call.other);
        let own = trace.calls.iter().filter(|seen| is_own(&seen.call));
        self.hooks.extend(own.map(|seen| seen.hook));
        self.add_changes(number, trace);
        self.reach.add(session, trace, is_nominal);
        self.cookies.add(trace);
        self.sessions += 1;
        self.calls += trace.calls.len() as u64;
        if timed_out(trace) {
            self.timed_out.push(number);
            self.ended_early += u64::from(ended_early(trace));
        }
        if is_nominal {
            let mut hooks: Vec<Hook> = trace.calls.iter().map(|call| call.hook).collect();
            hooks.sort_unstable();
            hooks.dedup();
            for hook in hooks {
                *self.nominal_calls.entry(hook).or_default() += 1;
            }
        }
        let lost = findings.iter().filter(|finding| cause::loses_result(finding.rule)).filter_map(|one| one.call).min();
        for finding in findings {
            let candidate = self.candidates.entry(finding.fingerprint.clone()).or_insert_with(|| CandidateFinding {
                sessions: 0,
                examples: Vec::new(),
                after_loss: None,
            });
            candidate.sessions += 1;
            if lost.is_some_and(|lost| finding.call.is_some_and(|call| call > lost)) {
                candidate.after_loss.get_or_insert(number);
            }
            if candidate.examples.iter().all(|(_, known)| rank(known) != rank(&finding)) {
                candidate.examples.push((number, finding));
            }
        }
    }

    fn add_changes(&mut self, number: u64, trace: &Trace) {
        for name in trace.changes.iter().take(CHANGES_OF_A_SESSION) {
            let times = self.changed.entry(name.clone()).or_default();
            *times += 1;
            if *times <= SESSIONS_FOR_A_CHANGE {
                self.changes.entry(number).or_default().push(name.clone());
            }
        }
    }
}
