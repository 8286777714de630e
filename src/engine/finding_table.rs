//! [`FindingTable`]: deduplicates findings by fingerprint. For each it knows how many sessions showed it and whether it
//! was confirmed. Its size is bounded: a plugin that raises a new exception in every call must not fill the memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    contract::Hook,
    corpus::CorpusError,
    engine::{
        Reach, ReportedFinding, Summary,
        batch_result::{BatchResult, SESSIONS_FOR_A_CHANGE},
        cause::SeenCookies,
        group,
        reproducer::rank,
    },
    finding::{Finding, Fingerprint, Rule},
};

/// How many different fingerprints a run tells apart: far more than a person reads.
const FINGERPRINTS: usize = 1000;
/// After how many sessions a run ends that shows nothing but timeouts.
const ONLY_TIMEOUTS: u64 = 96;
/// How many different names of changed state are checked for leaks.
const CHANGES: usize = 256;

/// What is known of one fingerprint.
#[derive(Debug, Default)]
struct FindingRecord {
    /// Sessions that showed it.
    occurrences: u64,
    /// Nominal sessions among them.
    nominal: u64,
    /// Failed attempts to reproduce it since it was last confirmed.
    failures: u32,
    /// `None` until it is confirmed.
    reported: Option<Box<ReportedFinding>>,
}

/// The records of all fingerprints, and the counts of the run.
#[derive(Debug, Default)]
pub(super) struct FindingTable {
    records: BTreeMap<Fingerprint, FindingRecord>,
    /// For each hook, how many nominal sessions called it.
    nominal_calls: BTreeMap<Hook, u64>,
    /// Nominal sessions that ran.
    nominal: u64,
    /// For each name of changed state, how often it was seen.
    changes: BTreeMap<String, u32>,
    /// Sessions that ran.
    pub(super) sessions: u64,
    /// Calls that ran.
    pub(super) calls: u64,
    /// Sessions that reached the time limit, or were ended before.
    timed_out: u64,
    /// Sessions that were ended at a place where calls are known to hang.
    ended_early: u64,
    /// The hooks of the plugin under test that were called.
    pub(super) hooks: BTreeSet<Hook>,
    /// How far the sessions got.
    reach: Reach,
    /// Cookies that hooks returned.
    pub(super) cookies: SeenCookies,
    /// How many fingerprints were confirmed.
    pub(super) confirmed: usize,
    /// Whether there were more fingerprints than the table has room for.
    is_full: bool,
    /// The first error of writing a case.
    pub(super) unwritten: Option<Arc<CorpusError>>,
}

impl FindingTable {
    /// Counts what a batch showed. Returns the candidate findings with the numbers of their sessions, lowest number
    /// first.
    pub(super) fn count(&mut self, result: &BatchResult, is_nominal: bool) -> Vec<(u64, Finding)> {
        self.sessions += result.sessions;
        self.calls += result.calls;
        self.timed_out += result.timed_out.len() as u64;
        self.ended_early += result.ended_early;
        self.hooks.extend(&result.hooks);
        self.reach.merge(&result.reach);
        self.cookies.extend(&result.cookies);
        for (&hook, calls) in &result.nominal_calls {
            *self.nominal_calls.entry(hook).or_default() += calls;
        }
        if is_nominal {
            self.nominal += result.sessions;
        }
        // New fingerprints enter in the order of their first sessions, so that the bound does not depend on their
        // values.
        let mut by_session: Vec<_> = result.candidates.iter().collect();
        by_session.sort_by_key(|(_, candidate)| candidate.examples.first().map(|(number, _)| *number));
        let mut candidates: Vec<(u64, Finding)> = Vec::new();
        for (fingerprint, candidate) in by_session {
            let Some(record) = self.record(fingerprint) else { continue };
            record.occurrences += candidate.sessions;
            if is_nominal {
                record.nominal += candidate.sessions;
            }
            candidates.extend(candidate.examples.iter().cloned());
        }
        candidates.sort_by(|(one, finding), (other, than)| {
            (one, rank(finding), &finding.fingerprint).cmp(&(other, rank(than), &than.fingerprint))
        });
        candidates
    }

    /// Whether every session so far hung: going on would show the same.
    pub(super) fn shows_only_timeouts(&self) -> bool {
        self.ended_early > 0 && self.sessions >= ONLY_TIMEOUTS && self.timed_out == self.sessions
    }

    fn record(&mut self, fingerprint: &Fingerprint) -> Option<&mut FindingRecord> {
        if self.records.len() >= FINGERPRINTS && !self.records.contains_key(fingerprint) {
            self.is_full = true;
            return None;
        }
        Some(self.records.entry(fingerprint.clone()).or_default())
    }

    /// Whether to reproduce a candidate: it was not confirmed yet, or only by a worse example, and did not fail too
    /// often. A timeout costs five times the limit, so it has fewer attempts.
    pub(super) fn wants(&self, finding: &Finding) -> bool {
        let attempts = if finding.rule == Rule::Timeout { 2 } else { 3 };
        self.records.get(&finding.fingerprint).is_some_and(|record| {
            let is_better = record.reported.as_ref().is_none_or(|known| rank(finding) < rank(&known.finding));
            is_better && record.failures < attempts
        })
    }

    /// An attempt to reproduce it failed.
    pub(super) fn failed(&mut self, fingerprint: &Fingerprint) {
        if let Some(record) = self.records.get_mut(fingerprint) {
            record.failures += 1;
        }
    }

    /// Counts one more session whose runs differed. True if this finding was not confirmed yet.
    pub(super) fn count_difference(&mut self, fingerprint: &Fingerprint) -> bool {
        self.record(fingerprint).is_some_and(|record| {
            record.occurrences += 1;
            record.reported.is_none()
        })
    }

    /// A finding was confirmed. Returns it as it is to be reported; `None` if it only replaces a worse example.
    pub(super) fn confirm(&mut self, mut reported: ReportedFinding) -> Option<ReportedFinding> {
        // If only some nominal sessions call the hook, only these can show the finding.
        let calls = match reported.finding.hook {
            Some(hook) => self.nominal_calls.get(&hook).copied().unwrap_or(0),
            None => self.nominal,
        };
        let record = self.record(&reported.finding.fingerprint)?;
        reported.occurrences = record.occurrences;
        // Only a finding that ends the call is a sign of a missing configuration. A leak in every session is just a
        // leak.
        let ends_the_call = matches!(
            reported.finding.rule,
            Rule::UncaughtException | Rule::ConstructorFailed | Rule::ProcessExit | Rule::Timeout
        );
        reported.every_session = ends_the_call && calls > 0 && record.nominal >= calls;
        record.failures = 0;
        let is_new = record.reported.replace(Box::new(reported.clone())).is_none();
        self.confirmed += usize::from(is_new);
        is_new.then_some(reported)
    }

    /// Counts the names that a session changed. True if one of them was not checked for a leak often enough.
    pub(super) fn wants_changes(&mut self, names: &[String]) -> bool {
        let mut is_wanted = false;
        for name in names {
            if self.changes.len() >= CHANGES && !self.changes.contains_key(name) {
                continue;
            }
            let times = self.changes.entry(name.clone()).or_default();
            *times += 1;
            is_wanted |= *times <= SESSIONS_FOR_A_CHANGE;
        }
        is_wanted
    }

    /// Moves the confirmed findings into `summary`, with their final counts, and how many candidates were not
    /// confirmed.
    pub(super) fn close_into(self, summary: &mut Summary) {
        let shows_only_timeouts = self.shows_only_timeouts();
        summary.unwritten = self.unwritten.or(summary.unwritten.take());
        if shows_only_timeouts {
            summary.notes.insert(
                0,
                format!(
                    "all {} sessions ran out of time, so the run ended early: repair the timeout first",
                    self.sessions
                ),
            );
        }
        if self.ended_early > 0 {
            let count = self.ended_early;
            let (sessions, were) = if count == 1 { ("session", "was") } else { ("sessions", "were") };
            summary.notes.push(format!(
                "{count} {sessions} reached a place where a timeout was confirmed before, and {were} ended there after a \
                 fraction of the time limit; nothing is judged of the call that hung"
            ));
        }
        if self.is_full {
            let note = format!("there are more than {FINGERPRINTS} different findings; the later ones are left out");
            summary.notes.insert(0, note);
        }
        let all = self.records.len();
        let reported: Vec<ReportedFinding> = self
            .records
            .into_values()
            .filter_map(|record| {
                record.reported.map(|reported| ReportedFinding { occurrences: record.occurrences, ..*reported })
            })
            .collect();
        summary.hooks = self.hooks;
        summary.reach = self.reach;
        summary.unconfirmed = (all - reported.len()) as u64;
        summary.reported = group::arrange(reported);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{batch_result::CandidateFinding, fake};

    #[test]
    fn records_are_bounded_and_the_first_ones_stay() {
        let mut table = FindingTable::default();
        for batch in 0..100_u64 {
            let mut result = BatchResult::default();
            for number in batch * 64..(batch + 1) * 64 {
                let trace = fake::trace_of(fake::raise(&format!("E{number}")));
                let finding = fake::findings(&trace).remove(0);
                let candidate =
                    CandidateFinding { sessions: 1, examples: vec![(number, finding.clone())], after_loss: None };
                result.candidates.insert(finding.fingerprint, candidate);
            }
            let numbers: Vec<u64> = table.count(&result, false).into_iter().map(|(number, _)| number).collect();
            let expected: Vec<u64> = (batch * 64..(batch + 1) * 64).filter(|&number| number < 1000).collect();
            assert_eq!(numbers, expected);
        }
        assert!(table.is_full && table.records.len() == FINGERPRINTS);
    }
}
