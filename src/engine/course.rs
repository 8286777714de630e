//! Which sessions a property run has, and in which batches: [`Course`]. A session is found by its number alone, so nobody
//! needs to keep one.

use std::ops::Range;

use crate::{
    case::Session,
    engine::{PropertySettings, Source, clerk::Sessions},
};

/// How many ordinary sessions come first.
pub(super) const ORDINARY: u64 = 32;
/// How many sessions a thread takes at once.
pub(super) const BATCH: u64 = 64;
/// How many of each kind are run twice in fresh processes, found or not: each costs a fork for every call.
pub(super) const SAMPLE: u64 = 8;

/// The sessions of one run in order: ordinary ones, then those generated ones that fall into the partition.
#[derive(Clone, Copy)]
pub(super) struct Course<'a> {
    source: &'a dyn Source,
    seed: u64,
    ordinary: u64,
    generated: u64,
    part: (u64, u64),
}

impl<'a> Course<'a> {
    pub(super) fn new(settings: &PropertySettings, source: &'a dyn Source) -> Self {
        let (k, n) = settings.partition.unwrap_or((1, 1));
        let (k, n) = (k.max(1), n.max(1));
        let ordinary = ORDINARY.min(settings.runs);
        // Of the generated sessions 0, 1, 2, … this part has k-1, k-1+n, k-1+2n, …
        let generated = (settings.runs - ordinary).saturating_sub(k - 1).div_ceil(n);
        Self { source, seed: settings.seed, ordinary, generated, part: (k, n) }
    }

    /// How many sessions there are.
    pub(super) const fn sessions(&self) -> u64 {
        self.ordinary + self.generated
    }

    /// How many batches they make. The first one holds all ordinary sessions and nothing else.
    pub(super) const fn batches(&self) -> u64 {
        self.ordinary.div_ceil(ORDINARY) + self.generated.div_ceil(BATCH)
    }

    /// The numbers of a batch's sessions.
    pub(super) fn batch(&self, batch: u64) -> Range<u64> {
        match batch.checked_sub(1) {
            None => 0..self.ordinary,
            Some(generated) => {
                let start = self.ordinary + generated * BATCH;
                start..(start + BATCH).min(self.sessions())
            }
        }
    }

    /// Whether that session is an ordinary one.
    pub(super) const fn is_ordinary(&self, number: u64) -> bool {
        number < self.ordinary
    }

    /// Whether that session is compared with itself even where it shows nothing.
    pub(super) const fn is_sample(&self, number: u64) -> bool {
        number < SAMPLE || (number >= self.ordinary && number < self.ordinary + SAMPLE)
    }

    /// That session.
    pub(super) fn session(&self, number: u64) -> Session {
        let (k, n) = self.part;
        match number.checked_sub(self.ordinary) {
            None => self.source.ordinary(number),
            Some(place) => self.source.generated(self.seed, k - 1 + place * n),
        }
    }
}

/// One batch of a course.
pub(super) struct Batch<'c, 'a> {
    /// The course.
    pub(super) course: &'c Course<'a>,
    /// Which of its batches.
    pub(super) number: u64,
}

impl Sessions for Batch<'_, '_> {
    fn numbers(&self) -> Range<u64> {
        self.course.batch(self.number)
    }

    fn session(&self, number: u64) -> Option<Session> {
        Some(self.course.session(number))
    }

    fn are_ordinary(&self) -> bool {
        self.number == 0
    }

    fn is_sample(&self, number: u64) -> bool {
        self.course.is_sample(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{corpus::Corpus, engine::fake::FakeSource};

    fn course<'a>(runs: u64, partition: Option<(u64, u64)>, source: &'a FakeSource) -> Course<'a> {
        let corpus = Corpus::open("/nonexistent/corpus").unwrap();
        Course::new(&PropertySettings { runs, seed: 1, jobs: 1, partition, corpus }, source)
    }

    #[test]
    fn the_parts_together_are_the_whole_and_share_no_generated_session() {
        let source = FakeSource::default();
        let numbered = |course: &Course<'_>| {
            (course.ordinary..course.sessions()).map(|number| course.session(number).to_owned()).collect::<Vec<_>>()
        };
        let whole = numbered(&course(500, None, &source));
        let parts: Vec<_> = (1..=3).map(|k| numbered(&course(500, Some((k, 3)), &source))).collect();
        assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), whole.len());
        for (index, session) in whole.iter().enumerate() {
            assert_eq!(parts[index % 3][index / 3], *session);
        }
    }

    #[test]
    fn batches_hold_each_session_once() {
        let source = FakeSource::default();
        for runs in [0, 1, 32, 33, 96, 97, 1000] {
            let course = course(runs, None, &source);
            let numbers: Vec<u64> = (0..course.batches()).flat_map(|batch| course.batch(batch)).collect();
            assert_eq!(numbers, (0..runs).collect::<Vec<_>>());
        }
    }
}
