//! [`SessionPlan`]: which sessions a property run has, and in which batches. A session is made again from its number,
//! so no thread keeps sessions.

use std::ops::Range;

use crate::{
    case::Session,
    engine::{
        SessionSource,
        batch::{BATCH_SESSIONS, Batch, NOMINAL_SESSIONS, SAMPLE_SESSIONS},
    },
};

/// The sessions of one run in order: nominal ones, then the generated ones that belong to the partition.
#[derive(Clone, Copy)]
pub(super) struct SessionPlan<'a> {
    source: &'a dyn SessionSource,
    seed: u64,
    nominal: u64,
    generated: u64,
    part: (u64, u64),
}

impl<'a> SessionPlan<'a> {
    /// `runs` sessions; of a partition `(k, n)`, counted from 1, all nominal sessions and every n-th generated one.
    pub(super) fn new(runs: u64, seed: u64, partition: Option<(u64, u64)>, source: &'a dyn SessionSource) -> Self {
        let (k, n) = partition.unwrap_or((1, 1));
        let (k, n) = (k.max(1), n.max(1));
        let nominal = NOMINAL_SESSIONS.min(runs);
        // Of the generated sessions 0, 1, 2, … this part has k-1, k-1+n, k-1+2n, …
        let generated = (runs - nominal).saturating_sub(k - 1).div_ceil(n);
        Self { source, seed, nominal, generated, part: (k, n) }
    }

    pub(super) const fn sessions(&self) -> u64 {
        self.nominal + self.generated
    }

    /// How many batches there are. The first one has all nominal sessions and no other.
    pub(super) const fn batches(&self) -> u64 {
        self.nominal.div_ceil(NOMINAL_SESSIONS) + self.generated.div_ceil(BATCH_SESSIONS)
    }

    /// The numbers of a batch's sessions.
    pub(super) fn batch(&self, batch: u64) -> Range<u64> {
        match batch.checked_sub(1) {
            None => 0..self.nominal,
            Some(generated) => {
                let start = self.nominal + generated * BATCH_SESSIONS;
                start..(start + BATCH_SESSIONS).min(self.sessions())
            }
        }
    }

    pub(super) const fn is_nominal(&self, number: u64) -> bool {
        number < self.nominal
    }

    /// Whether that session runs twice in fresh processes even if it shows nothing.
    pub(super) const fn is_sample(&self, number: u64) -> bool {
        number < SAMPLE_SESSIONS || (number >= self.nominal && number < self.nominal + SAMPLE_SESSIONS)
    }

    /// The session with that number.
    pub(super) fn session(&self, number: u64) -> Session {
        let (k, n) = self.part;
        match number.checked_sub(self.nominal) {
            None => self.source.nominal(number),
            Some(generated) => self.source.generated(self.seed, k - 1 + generated * n),
        }
    }
}

/// One batch of a session plan.
pub(super) struct PlannedBatch<'c, 'a> {
    pub(super) session_plan: &'c SessionPlan<'a>,
    /// Its number in the plan.
    pub(super) number: u64,
}

impl Batch for PlannedBatch<'_, '_> {
    fn numbers(&self) -> Range<u64> {
        self.session_plan.batch(self.number)
    }

    fn session(&self, number: u64) -> Option<Session> {
        Some(self.session_plan.session(number))
    }

    fn are_nominal(&self) -> bool {
        self.number == 0
    }

    fn is_sample(&self, number: u64) -> bool {
        self.session_plan.is_sample(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::FakeSource;

    #[test]
    fn the_parts_together_are_the_whole_and_share_no_generated_session() {
        let source = FakeSource::default();
        let numbered = |partition| {
            let session_plan = SessionPlan::new(500, 1, partition, &source);
            (session_plan.nominal..session_plan.sessions())
                .map(|number| session_plan.session(number))
                .collect::<Vec<_>>()
        };
        let whole = numbered(None);
        let parts: Vec<_> = (1..=3).map(|k| numbered(Some((k, 3)))).collect();
        assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), whole.len());
        for (index, session) in whole.iter().enumerate() {
            assert_eq!(parts[index % 3][index / 3], *session);
        }
    }

    #[test]
    fn each_session_is_in_one_batch() {
        let source = FakeSource::default();
        for runs in [0, 1, 32, 33, 96, 97, 1000] {
            let session_plan = SessionPlan::new(runs, 1, None, &source);
            let numbers: Vec<u64> = (0..session_plan.batches()).flat_map(|batch| session_plan.batch(batch)).collect();
            assert_eq!(numbers, (0..runs).collect::<Vec<_>>());
        }
    }
}
