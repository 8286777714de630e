//! What a run knows of each fingerprint: how often it was seen, and whether it was confirmed. Bounded: a plugin that makes
//! up a new exception for every call must not eat the host.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    contract::Hook,
    engine::{
        Reported, Summary,
        batch::{SESSIONS_FOR_A_CHANGE, Sightings},
        bench::class,
        group,
    },
    finding::{Finding, Fingerprint, Rule},
};

/// How many different fingerprints a run tells apart; far more than anybody reads.
const FINGERPRINTS: usize = 1000;
/// How many different names of changed state are looked into.
const CHANGES: usize = 256;

/// What is known of one fingerprint.
#[derive(Debug, Default)]
struct Entry {
    /// Sessions that showed it.
    occurrences: u64,
    /// Ordinary sessions among them.
    ordinary: u64,
    /// Sessions that were tried in vain since it was last confirmed.
    failures: u32,
    /// Once confirmed.
    reported: Option<Box<Reported>>,
}

/// What is known of all of them.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: BTreeMap<Fingerprint, Entry>,
    ordinary_calls: BTreeMap<Hook, u64>,
    ordinary: u64,
    changes: BTreeMap<String, u32>,
    /// Sessions that ran.
    pub(super) sessions: u64,
    /// Calls that ran.
    pub(super) calls: u64,
    /// The hooks of the plugin under test that were called.
    pub(super) hooks: BTreeSet<Hook>,
    /// How many fingerprints were confirmed.
    pub(super) confirmed: usize,
    /// Whether there were more fingerprints than are kept.
    is_full: bool,
    /// Why something could not be written, the first time.
    pub(super) unwritten: Option<String>,
}

impl Ledger {
    /// Counts what a batch showed, and gives back the sessions to look at again, first session first.
    pub(super) fn count(&mut self, sightings: &Sightings, is_ordinary: bool) -> Vec<(u64, Finding)> {
        self.sessions += sightings.sessions;
        self.calls += sightings.calls;
        self.hooks.extend(&sightings.hooks);
        for (&hook, calls) in &sightings.ordinary_calls {
            *self.ordinary_calls.entry(hook).or_default() += calls;
        }
        if is_ordinary {
            self.ordinary += sightings.sessions;
        }
        // New fingerprints are let in by their first session, so that the bound does not depend on how they are sorted.
        let mut by_session: Vec<_> = sightings.suspicions.iter().collect();
        by_session.sort_by_key(|(_, suspicion)| suspicion.examples.first().map(|(number, _)| *number));
        let mut candidates: Vec<(u64, Finding)> = Vec::new();
        for (fingerprint, suspicion) in by_session {
            let Some(entry) = self.entry(fingerprint) else { continue };
            entry.occurrences += suspicion.sessions;
            if is_ordinary {
                entry.ordinary += suspicion.sessions;
            }
            candidates.extend(suspicion.examples.iter().cloned());
        }
        candidates.sort_by(|(one, finding), (other, than)| {
            (one, class(finding), &finding.fingerprint).cmp(&(other, class(than), &than.fingerprint))
        });
        candidates
    }

    fn entry(&mut self, fingerprint: &Fingerprint) -> Option<&mut Entry> {
        if self.entries.len() >= FINGERPRINTS && !self.entries.contains_key(fingerprint) {
            self.is_full = true;
            return None;
        }
        Some(self.entries.entry(fingerprint.clone()).or_default())
    }

    /// Whether a session that shows `finding` is worth looking at: it was not confirmed yet, or only by a worse example,
    /// and did not fail too often. A timeout costs five times the limit, so it gets fewer chances.
    pub(super) fn wants(&self, finding: &Finding) -> bool {
        let chances = if finding.rule == Rule::Timeout { 2 } else { 3 };
        self.entries.get(&finding.fingerprint).is_some_and(|entry| {
            let is_better = entry.reported.as_ref().is_none_or(|known| class(finding) < class(&known.finding));
            is_better && entry.failures < chances
        })
    }

    /// It was tried and did not show again.
    pub(super) fn failed(&mut self, fingerprint: &Fingerprint) {
        if let Some(entry) = self.entries.get_mut(fingerprint) {
            entry.failures += 1;
        }
    }

    /// One more session showed what was found by comparing; true where that is new.
    pub(super) fn count_compared(&mut self, fingerprint: &Fingerprint) -> bool {
        self.entry(fingerprint).is_some_and(|entry| {
            entry.occurrences += 1;
            entry.reported.is_none()
        })
    }

    /// It was confirmed. Gives back what to tell; `None` where it only replaces a worse example.
    pub(super) fn confirm(&mut self, mut reported: Reported) -> Option<Reported> {
        let calls = match reported.finding.hook {
            Some(hook) => self.ordinary_calls.get(&hook).copied().unwrap_or(0),
            None => self.ordinary,
        };
        let entry = self.entry(&reported.finding.fingerprint)?;
        reported.occurrences = entry.occurrences;
        // Of a hook that only some ordinary sessions call, only these can show anything.
        // Only what stops the plugin hints at configuration; a leak in every session is just a leak.
        let stops = matches!(
            reported.finding.rule,
            Rule::UncaughtException | Rule::ConstructorFailed | Rule::ProcessExit | Rule::Timeout
        );
        reported.every_session = stops && calls > 0 && entry.ordinary >= calls;
        entry.failures = 0;
        let is_new = entry.reported.replace(Box::new(reported.clone())).is_none();
        self.confirmed += usize::from(is_new);
        is_new.then_some(reported)
    }

    /// Of what a session changed, the names that were not looked into often enough, each counted once more.
    pub(super) fn changes_to_look_into(&mut self, names: &[String]) -> bool {
        let mut wanted = false;
        for name in names {
            if self.changes.len() >= CHANGES && !self.changes.contains_key(name) {
                continue;
            }
            let times = self.changes.entry(name.clone()).or_default();
            *times += 1;
            wanted |= *times <= SESSIONS_FOR_A_CHANGE;
        }
        wanted
    }

    /// Puts what was confirmed into `summary`, with the final counts, and how many fingerprints were not.
    pub(super) fn close_into(self, summary: &mut Summary) {
        summary.unwritten = self.unwritten.or(summary.unwritten.take());
        if self.is_full {
            let note = "more different findings than are told apart: the later ones were left out";
            summary.notes.insert(0, note.into());
        }
        let all = self.entries.len();
        let reported: Vec<Reported> = self
            .entries
            .into_values()
            .filter_map(|entry| entry.reported.map(|reported| Reported { occurrences: entry.occurrences, ..*reported }))
            .collect();
        summary.hooks = self.hooks;
        summary.unconfirmed = (all - reported.len()) as u64;
        summary.reported = group::arrange(reported);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{batch::Suspicion, fake};

    #[test]
    fn suspicions_are_bounded_and_the_first_ones_stay() {
        let mut ledger = Ledger::default();
        for batch in 0..100_u64 {
            let mut sightings = Sightings::default();
            for number in batch * 64..(batch + 1) * 64 {
                let trace = fake::trace_of(fake::raise(&format!("E{number}")));
                let finding = fake::findings(&trace).remove(0);
                let suspicion = Suspicion { sessions: 1, examples: vec![(number, finding.clone())] };
                sightings.suspicions.insert(finding.fingerprint, suspicion);
            }
            let numbers: Vec<u64> = ledger.count(&sightings, false).into_iter().map(|(number, _)| number).collect();
            let expected: Vec<u64> = (batch * 64..(batch + 1) * 64).filter(|&number| number < 1000).collect();
            assert_eq!(numbers, expected);
        }
        assert!(ledger.is_full && ledger.entries.len() == FINGERPRINTS);
    }
}
