//! What a campaign and the thread that keeps folder and bucket alike tell each other: [`SharedCorpus`]. Everything in it is
//! bounded; whoever never asks loses only news.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The most cases that wait to be looked at. More lie in the folder all the same.
const NEW_LIMIT: usize = 100_000;
/// The most names of broken objects that are remembered.
const SKIPPED_LIMIT: usize = 10_000;

/// What came, what went, and what is new since somebody last asked.
#[derive(Debug, Default)]
pub struct SharedCorpus(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    new: Vec<PathBuf>,
    skipped: BTreeSet<String>,
    count: SyncCount,
}

/// How much was exchanged so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncCount {
    /// Cases that came from the bucket.
    pub taken: usize,
    /// Cases that went there.
    pub given: usize,
    /// Objects that are no cases, or have names that no case has: left where they are.
    pub skipped: usize,
    /// Cases of the folder that are not in the bucket yet.
    pub waiting: usize,
}

impl SharedCorpus {
    /// The files of cases that came from other hosts since this was last asked, oldest first, each once for every time it
    /// came. They are whole, and were read as cases; a smaller case of a known finding comes like a new one.
    ///
    /// A campaign that learns calls this now and then, between batches: it costs a lock. What came before the campaign
    /// began lies in the folder already, and is not told here.
    pub fn take_new(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.state().new)
    }

    /// How much was exchanged so far.
    pub fn count(&self) -> SyncCount {
        let state = self.state();
        SyncCount { skipped: state.skipped.len(), ..state.count }
    }

    /// Tells that a case came from another host.
    pub(crate) fn taken(&self, path: &Path) {
        let mut state = self.state();
        state.count.taken += 1;
        if state.new.len() < NEW_LIMIT {
            state.new.push(path.to_owned());
        }
    }

    pub(super) fn given(&self) {
        self.state().count.given += 1;
    }

    pub(super) fn skip(&self, name: &str) {
        let mut state = self.state();
        if state.skipped.len() < SKIPPED_LIMIT {
            state.skipped.insert(name.to_owned());
        }
    }

    pub(super) fn set_waiting(&self, waiting: usize) {
        self.state().count.waiting = waiting;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
