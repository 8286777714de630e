//! [`RepeatFilter`]: removes from batches what triage has had often enough. Fuzzing shows the same finding thousands of
//! times, and a batch without examples does not have to keep its sessions.

use std::{collections::HashMap, hash::Hash};

use crate::{
    engine::batch_result::BatchResult,
    finding::{Fingerprint, Severity},
};

/// How many sessions with the same candidate go to triage: far more than triage tries.
const EXAMPLES: u8 = 8;
/// How many candidates and changed names are counted: more than triage ever sees.
const DIFFERENT: usize = 4096;

/// How often triage had each candidate and each changed name.
#[derive(Default)]
pub(super) struct RepeatFilter {
    candidates: HashMap<(Fingerprint, bool, Severity), u8>,
    changes: HashMap<String, u8>,
}

impl RepeatFilter {
    /// Removes the repeated examples and changes from `result`; the counts stay. Returns whether any are left, for
    /// which triage needs the sessions.
    pub(super) fn apply(&mut self, result: &mut BatchResult) -> bool {
        for candidate in result.candidates.values_mut() {
            candidate.examples.retain(|(_, finding)| {
                let key = (finding.fingerprint.clone(), finding.foreign_cookie, finding.severity);
                is_wanted(&mut self.candidates, key)
            });
        }
        for names in result.changes.values_mut() {
            names.retain(|name| is_wanted(&mut self.changes, name.clone()));
        }
        result.changes.retain(|_, names| !names.is_empty());
        !result.changes.is_empty() || result.candidates.values().any(|candidate| !candidate.examples.is_empty())
    }
}

fn is_wanted<K: Eq + Hash>(counts: &mut HashMap<K, u8>, key: K) -> bool {
    if counts.len() >= DIFFERENT && !counts.contains_key(&key) {
        return false;
    }
    let times = counts.entry(key).or_default();
    *times = times.saturating_add(1);
    *times <= EXAMPLES
}
