//! [`FuzzState`]: what the threads learned together, and what to run next. A thread locks it only to take a
//! [`WorkItem`] or to add what is new, never while a session runs.
//!
//! First come the nominal sessions, the corpus, and some generated sessions, each once. After that, a batch has the
//! sessions that comparisons suggest ([`CmpQueue`]), if there are any, and mutations of testcases ([`Scheduler`]). At
//! intervals a whole batch is generated, so that fuzzing is never much worse than `test`. With one thread, every
//! decision depends on the seed and on what was seen, never on the time.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use crate::{
    case::Session,
    engine::{
        batch::{BATCH_SESSIONS, NOMINAL_SESSIONS},
        batch_result::BatchResult,
        fuzz::{
            cmp_queue::CmpQueue,
            coverage_map::{CoverageMap, NewCoverage},
            feature::{Feature, FeatureSet},
            mix::mix,
            repeat_filter::RepeatFilter,
            scheduler::{Scheduler, Testcase},
            work_item::{InputPlan, WorkItem},
        },
    },
    generate::Dictionary,
    trace::{CmpLogEntry, Edge},
};

/// How many batches of generated sessions run before the first mutation.
const GENERATED_FIRST: u64 = 4;
/// One of this many batches is generated.
const GENERATED_EVERY: u64 = 16;
/// The same if no edge is seen, because then mutation has little guidance.
const GENERATED_EVERY_BLIND: u64 = 2;
/// How many sessions of a batch can come from the [`CmpQueue`].
const CMP_SESSIONS: u64 = 48;
/// How many mutations a testcase has each time it is drawn.
const MUTATIONS: usize = 8;

/// A session that may have new coverage.
pub(super) struct CandidateTestcase {
    /// Its index in the batch.
    pub(super) at: usize,
    /// The edges that it ran; empty if none is new to its worker.
    pub(super) edges: Vec<Edge>,
    pub(super) features: Vec<Feature>,
    pub(super) is_aborted: bool,
    pub(super) is_timed_out: bool,
    /// A hash of its content.
    pub(super) content: u64,
    /// What it cost to run, see [`Testcase`].
    pub(super) cost: f64,
}

/// What fuzzing learned so far.
pub(super) struct FuzzState {
    seed: u64,
    /// How many sessions to run in all.
    runs: Option<u64>,
    coverage: CoverageMap,
    features: FeatureSet,
    scheduler: Scheduler,
    cmp_queue: CmpQueue,
    dictionary: Arc<Dictionary>,
    /// Hashes of the sessions that became testcases.
    contents: HashSet<u64>,
    /// Batches to run before any mutation; an empty one stands for generated sessions.
    first: VecDeque<Vec<InputPlan>>,
    /// Batches that threads took.
    batches: u64,
    /// Sessions in these batches.
    sessions: u64,
    /// Generated sessions among them.
    generated: u64,
    repeats: RepeatFilter,
}

impl FuzzState {
    /// Starts with the sessions of the corpus.
    pub(super) fn new(seed: u64, runs: Option<u64>, dictionary: Dictionary, corpus: Vec<Session>) -> Self {
        let mut state = Self {
            seed,
            runs,
            coverage: CoverageMap::default(),
            features: FeatureSet::default(),
            scheduler: Scheduler::default(),
            cmp_queue: CmpQueue::default(),
            dictionary: Arc::new(dictionary),
            contents: HashSet::new(),
            first: VecDeque::from([(0..NOMINAL_SESSIONS).map(InputPlan::Nominal).collect()]),
            batches: 0,
            sessions: 0,
            generated: 0,
            repeats: RepeatFilter::default(),
        };
        state.add_sessions(corpus);
        // Their numbers are set when their turn comes.
        state.first.extend((0..GENERATED_FIRST).map(|_| Vec::new()));
        state
    }

    /// Adds sessions to run once as they are, before the next mutation.
    pub(super) fn add_sessions(&mut self, sessions: Vec<Session>) {
        let mut sessions = sessions.into_iter().map(|session| InputPlan::Given(Box::new(session))).peekable();
        while sessions.peek().is_some() {
            self.first.push_back(sessions.by_ref().take(BATCH_SESSIONS as usize).collect());
        }
    }

    /// The next batch; `None` if threads took all sessions.
    pub(super) fn next_item(&mut self) -> Option<WorkItem> {
        let room = self.runs.map_or(BATCH_SESSIONS, |runs| runs.saturating_sub(self.sessions).min(BATCH_SESSIONS));
        if room == 0 {
            return None;
        }
        // What the first sessions suggest should not wait until the whole corpus ran.
        let is_for_comparisons = !self.cmp_queue.is_empty() && self.batches % 2 == 1;
        let every = if self.coverage.edges() == 0 { GENERATED_EVERY_BLIND } else { GENERATED_EVERY };
        let mut inputs = match self.first.pop_front() {
            Some(batch) if is_for_comparisons => {
                self.first.push_front(batch);
                self.mutations(room)
            }
            Some(batch) if batch.is_empty() => self.generate(BATCH_SESSIONS),
            Some(batch) => batch,
            None if self.batches.is_multiple_of(every) || self.scheduler.len() == 0 => self.generate(BATCH_SESSIONS),
            None => self.mutations(room),
        };
        inputs.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        let item = WorkItem {
            batch: self.batches,
            first: self.sessions,
            is_nominal: self.batches == 0,
            dictionary: Arc::clone(&self.dictionary),
            inputs,
        };
        self.batches += 1;
        self.sessions += item.inputs.len() as u64;
        Some(item)
    }

    fn generate(&mut self, count: u64) -> Vec<InputPlan> {
        let from = self.generated;
        self.generated += count;
        (from..self.generated).map(InputPlan::Generated).collect()
    }

    /// Sessions of the [`CmpQueue`], then mutations.
    fn mutations(&mut self, room: u64) -> Vec<InputPlan> {
        let mut inputs: Vec<InputPlan> = Vec::new();
        while (inputs.len() as u64) < CMP_SESSIONS.min(room)
            && let Some(session) = self.cmp_queue.pop()
        {
            inputs.push(InputPlan::Given(Box::new(session)));
        }
        let mutations = usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(inputs.len());
        let seed = mix(self.seed, self.batches);
        let draws = (0..mutations.div_ceil(MUTATIONS) as u64).map(|number| mix(seed, number));
        for (parent, number) in self.scheduler.draw(draws).into_iter().zip(0..) {
            for mutation in 0..MUTATIONS as u64 {
                let seed = mix(mix(seed, 1 << 32 | number), mutation);
                let donor = self.scheduler.donor(mix(seed, 1));
                inputs.push(InputPlan::Mutation { seed, parent: Arc::clone(&parent), donor });
            }
        }
        inputs
    }

    /// Marks what the candidates ran and showed. For each candidate that becomes a testcase, returns its new coverage.
    ///
    /// A session that reached a time limit never becomes a testcase. An aborted session becomes one only for a new
    /// edge: a crash that repeats has none.
    pub(super) fn admit(&mut self, candidates: &[CandidateTestcase]) -> Vec<Option<NewCoverage>> {
        let admit = |candidate: &CandidateTestcase| {
            let edges = self.coverage.mark(&candidate.edges);
            let new = NewCoverage { features: self.features.mark(&candidate.features), ..edges };
            let is_new = if candidate.is_aborted { new.edges > 0 } else { new.buckets > 0 || new.features > 0 };
            let is_testcase = is_new && !candidate.is_timed_out && self.contents.insert(candidate.content);
            is_testcase.then_some(new)
        };
        candidates.iter().map(admit).collect()
    }

    /// Adds the comparisons of a new testcase to the dictionary, and selects those to follow. `teach` adds more words.
    pub(super) fn learn(
        &mut self,
        comparisons: Vec<CmpLogEntry>,
        teach: impl FnOnce(&mut Dictionary),
    ) -> Vec<CmpLogEntry> {
        let dictionary = Arc::make_mut(&mut self.dictionary);
        for comparison in &comparisons {
            dictionary.learn(comparison);
        }
        teach(dictionary);
        self.cmp_queue.select(comparisons)
    }

    /// Adds a testcase, with the sessions that its comparisons suggest.
    pub(super) fn add_testcase(&mut self, testcase: Testcase, suggested: Vec<Session>) {
        self.scheduler.push(testcase);
        self.cmp_queue.push(suggested);
    }

    /// See [`RepeatFilter::apply`].
    pub(super) fn filter_repeats(&mut self, result: &mut BatchResult) -> bool {
        self.repeats.apply(result)
    }

    /// How many edges ran.
    pub(super) const fn edges(&self) -> usize {
        self.coverage.edges()
    }

    /// How many features were seen.
    pub(super) fn features(&self) -> usize {
        self.features.len()
    }

    /// How many testcases there are.
    pub(super) const fn testcases(&self) -> usize {
        self.scheduler.len()
    }
}
