//! What the whole campaign knows, and what it does next: [`Steering`]. Threads hold it only to take an [`Order`] or to
//! hand in what was new, never while something runs.
//!
//! A round is a batch of sessions. First come ordinary sessions, what the corpus holds, and some generated ones, each
//! once. Then each batch holds what comparisons suggest ([`Leads`]), as far as there is something, and children of entries
//! ([`Entries`]); and now and then a whole batch of generated ones, so that a campaign is never much worse than `test`.
//! What is decided depends on the seed and on what was seen, never on the time, as long as one thread runs.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use crate::{
    case::Session,
    engine::{
        batch::Sightings,
        course::{BATCH, ORDINARY},
        fuzz::{
            feature::{Feature, Known},
            leads::Leads,
            map::{Map, News},
            mix,
            schedule::{Entries, Entry},
        },
    },
    finding::{Fingerprint, Severity},
    generate::Dictionary,
    trace::{CmpLogEntry, Edge},
};

/// How many batches of generated sessions come before anything is changed.
const GENERATED_FIRST: u64 = 4;
/// Every so many batches one of generated sessions.
const GENERATED_EVERY: u64 = 16;
/// The same where no edge is seen, so that changing sessions has little to go by.
const GENERATED_EVERY_BLIND: u64 = 2;
/// How many sessions of a batch may come from leads.
const LEADS: u64 = 48;
/// How many children one drawn entry gets.
const CHILDREN: usize = 8;
/// How many sessions with one suspicion are handed to the clerk, far more than it tries.
const EXAMPLES: u8 = 8;
/// How many suspicions and changed things are told apart for that; the clerk tells fewer apart.
const TOLD_APART: usize = 4096;

/// What a thread is to run.
pub(super) struct Order {
    /// Which batch it is.
    pub(super) batch: u64,
    /// The number of its first session.
    pub(super) first: u64,
    /// Whether it holds the ordinary sessions.
    pub(super) is_ordinary: bool,
    /// Its sessions.
    pub(super) sessions: Vec<Planned>,
    /// What is known so far.
    pub(super) dictionary: Arc<Dictionary>,
}

/// A session that is yet to be made. The thread does it, so that nobody waits for it.
pub(super) enum Planned {
    /// That one, as it is.
    Given(Box<Session>),
    /// The ordinary session of that number.
    Ordinary(u64),
    /// The generated session of that number.
    Generated(u64),
    /// A changed one.
    Child {
        /// What its changes depend on.
        seed: u64,
        /// Of which.
        parent: Arc<Session>,
        /// With which.
        donor: Option<Arc<Session>>,
    },
}

/// A session that may have brought something new.
pub(super) struct Candidate {
    /// Its place in the batch.
    pub(super) at: usize,
    /// The edges it ran; empty where none is new to its worker.
    pub(super) edges: Vec<Edge>,
    /// The outcomes it had.
    pub(super) features: Vec<Feature>,
    /// Whether it ended broken.
    pub(super) is_broken: bool,
    /// Whether it ran out of time.
    pub(super) is_timed_out: bool,
    /// A hash of its content.
    pub(super) content: u64,
    /// What it cost to run.
    pub(super) cost: f64,
}

/// What a candidate brought that nobody had brought before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Brought {
    /// Edges and buckets.
    pub(super) coverage: News,
    /// Outcomes.
    pub(super) features: usize,
}

/// What the campaign knows.
pub(super) struct Steering {
    seed: u64,
    /// How many sessions there will be.
    runs: Option<u64>,
    map: Map,
    known: Known,
    entries: Entries,
    leads: Leads,
    dictionary: Arc<Dictionary>,
    /// What became an entry, by its content.
    contents: HashSet<u64>,
    /// Batches that come before anything is changed.
    first: VecDeque<Vec<Planned>>,
    batches: u64,
    sessions: u64,
    generated: u64,
    handed: HashMap<(Fingerprint, bool, Severity), u8>,
    changes: HashMap<String, u8>,
}

impl Steering {
    /// Begins with `corpus`.
    pub(super) fn new(seed: u64, runs: Option<u64>, dictionary: Dictionary, corpus: Vec<Session>) -> Self {
        let mut first: VecDeque<Vec<Planned>> = VecDeque::new();
        first.push_back((0..ORDINARY).map(Planned::Ordinary).collect());
        let mut corpus = corpus.into_iter().map(|session| Planned::Given(Box::new(session))).peekable();
        while corpus.peek().is_some() {
            first.push_back(corpus.by_ref().take(BATCH as usize).collect());
        }
        for _ in 0..GENERATED_FIRST {
            // Their numbers are given when their turn comes.
            first.push_back(Vec::new());
        }
        Self {
            seed,
            runs,
            map: Map::default(),
            known: Known::default(),
            entries: Entries::default(),
            leads: Leads::default(),
            dictionary: Arc::new(dictionary),
            contents: HashSet::new(),
            first,
            batches: 0,
            sessions: 0,
            generated: 0,
            handed: HashMap::new(),
            changes: HashMap::new(),
        }
    }

    /// Takes in sessions from elsewhere: each runs once as it is, before more is changed.
    pub(super) fn take_in(&mut self, sessions: Vec<Session>) {
        let mut sessions = sessions.into_iter().map(|session| Planned::Given(Box::new(session))).peekable();
        while sessions.peek().is_some() {
            self.first.push_back(sessions.by_ref().take(BATCH as usize).collect());
        }
    }

    /// The next batch; `None` where all sessions were given out.
    pub(super) fn order(&mut self) -> Option<Order> {
        let room = self.runs.map_or(BATCH, |runs| runs.saturating_sub(self.sessions).min(BATCH));
        if room == 0 {
            return None;
        }
        // What a first session suggests need not wait for all of the corpus to have run.
        let is_for_leads = !self.leads.is_empty() && self.batches % 2 == 1;
        let every = if self.map.edges() == 0 { GENERATED_EVERY_BLIND } else { GENERATED_EVERY };
        let mut sessions = match self.first.pop_front() {
            Some(batch) if is_for_leads => {
                self.first.push_front(batch);
                self.changed(room)
            }
            Some(batch) if batch.is_empty() => self.generated(BATCH),
            Some(batch) => batch,
            None if self.batches.is_multiple_of(every) || self.entries.len() == 0 => self.generated(BATCH),
            None => self.changed(room),
        };
        sessions.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        let order = Order {
            batch: self.batches,
            first: self.sessions,
            is_ordinary: self.batches == 0,
            dictionary: Arc::clone(&self.dictionary),
            sessions,
        };
        self.batches += 1;
        self.sessions += order.sessions.len() as u64;
        Some(order)
    }

    fn generated(&mut self, count: u64) -> Vec<Planned> {
        let from = self.generated;
        self.generated += count;
        (from..self.generated).map(Planned::Generated).collect()
    }

    fn changed(&mut self, room: u64) -> Vec<Planned> {
        let mut sessions: Vec<Planned> = Vec::new();
        while (sessions.len() as u64) < LEADS.min(room)
            && let Some(session) = self.leads.pop()
        {
            sessions.push(Planned::Given(Box::new(session)));
        }
        let children = usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(sessions.len());
        let seed = mix(self.seed, self.batches);
        let draws = (0..children.div_ceil(CHILDREN) as u64).map(|number| mix(seed, number));
        for (parent, number) in self.entries.draw(draws).into_iter().zip(0..) {
            for child in 0..CHILDREN as u64 {
                let seed = mix(mix(seed, 1 << 32 | number), child);
                let donor = self.entries.donor(mix(seed, 1));
                sessions.push(Planned::Child { seed, parent: Arc::clone(&parent), donor });
            }
        }
        sessions
    }

    /// Takes in what candidates ran and showed, and says what each brought that makes it an entry.
    ///
    /// One that ran out of time never becomes one, and one that ended broken only for an edge that is wholly new: a
    /// crash that repeats brings none.
    pub(super) fn admit(&mut self, candidates: &[Candidate]) -> Vec<Option<Brought>> {
        let admit = |candidate: &Candidate| {
            let coverage = self.map.mark(&candidate.edges);
            let features = self.known.mark(&candidate.features);
            let is_new = if candidate.is_broken { coverage.edges > 0 } else { coverage.buckets > 0 || features > 0 };
            let is_entry = is_new && !candidate.is_timed_out && self.contents.insert(candidate.content);
            is_entry.then_some(Brought { coverage, features })
        };
        candidates.iter().map(admit).collect()
    }

    /// Of an entry's comparisons those that are worth following. The dictionary learns from all of them.
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
        self.leads.worth_following(comparisons)
    }

    /// A new entry, with the sessions that its comparisons suggest.
    pub(super) fn enter(&mut self, entry: Entry, suggested: Vec<Session>) {
        self.entries.push(entry);
        self.leads.push(suggested);
    }

    /// Takes what the clerk was handed often enough out of a batch's sightings, but for the counts. Says whether anything
    /// is left that needs the sessions.
    pub(super) fn sift(&mut self, sightings: &mut Sightings) -> bool {
        let handed = &mut self.handed;
        for suspicion in sightings.suspicions.values_mut() {
            suspicion.examples.retain(|(_, finding)| {
                let key = (finding.fingerprint.clone(), finding.foreign_cookie, finding.severity);
                is_wanted(handed, key)
            });
        }
        let changes = &mut self.changes;
        for names in sightings.changes.values_mut() {
            names.retain(|name| is_wanted(changes, name.clone()));
        }
        sightings.changes.retain(|_, names| !names.is_empty());
        !sightings.changes.is_empty() || sightings.suspicions.values().any(|suspicion| !suspicion.examples.is_empty())
    }

    /// How many edges ran.
    pub(super) const fn edges(&self) -> usize {
        self.map.edges()
    }

    /// How many outcomes were seen.
    pub(super) fn features(&self) -> usize {
        self.known.len()
    }

    /// How many entries there are.
    pub(super) const fn entries(&self) -> usize {
        self.entries.len()
    }
}

fn is_wanted<K: Eq + std::hash::Hash>(handed: &mut HashMap<K, u8>, key: K) -> bool {
    if handed.len() >= TOLD_APART && !handed.contains_key(&key) {
        return false;
    }
    let times = handed.entry(key).or_default();
    *times = times.saturating_add(1);
    *times <= EXAMPLES
}
