//! [`FuzzBatch`]: a batch of fuzzing that ran, for triage.

use std::ops::Range;

use crate::{
    case::Session,
    engine::batch::{Batch, SAMPLE_SESSIONS},
};

/// One of this many later sessions runs twice in fresh processes even if it shows nothing.
const SAMPLE_EVERY: u64 = 4096;

/// The sessions of a batch that ran.
pub(super) struct FuzzBatch {
    pub(super) first: u64,
    /// Empty if triage does not need the sessions.
    pub(super) sessions: Vec<Session>,
    pub(super) is_nominal: bool,
}

impl Batch for FuzzBatch {
    fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.sessions.len() as u64
    }

    fn session(&self, number: u64) -> Option<Session> {
        self.sessions.get(usize::try_from(number.checked_sub(self.first)?).ok()?).cloned()
    }

    fn are_nominal(&self) -> bool {
        self.is_nominal
    }

    fn is_sample(&self, number: u64) -> bool {
        number < SAMPLE_SESSIONS || number % SAMPLE_EVERY == SAMPLE_EVERY - 1
    }
}
