//! [`SharedCorpus`]: what a run and the thread that synchronizes folder and bucket share. Everything in it is bounded.
//! A run that never reads it only misses new cases.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many new cases are remembered. The folder has all of them.
const NEW_LIMIT: usize = 100_000;
/// How many names of skipped objects are remembered.
const SKIPPED_LIMIT: usize = 10_000;

/// The counts, and the new cases since the last call of [`SharedCorpus::take_new`].
#[derive(Debug, Default)]
pub struct SharedCorpus(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    new: Vec<PathBuf>,
    skipped: BTreeSet<String>,
    count: SyncCount,
}

/// How many cases were exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncCount {
    /// Cases that came from the bucket.
    pub received: usize,
    /// Cases that were sent to it.
    pub sent: usize,
    /// Objects of the bucket that are not cases or have no name of a case. They stay where they are.
    pub skipped: usize,
    /// Cases of the folder that are not in the bucket yet.
    pub unsent: usize,
}

impl SharedCorpus {
    /// The files of the cases that came from other hosts since the last call, oldest first. A file that came twice is
    /// there twice. All are complete and are cases. A smaller case of a known finding counts as new.
    ///
    /// `fuzz` calls this between batches; it costs a lock. Cases that came before the run began are in the folder
    /// already, and are not returned.
    pub fn take_new(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.state().new)
    }

    /// How many cases were exchanged so far.
    pub fn count(&self) -> SyncCount {
        let state = self.state();
        SyncCount { skipped: state.skipped.len(), ..state.count }
    }

    /// A case came from another host.
    pub(crate) fn add_received(&self, path: &Path) {
        let mut state = self.state();
        state.count.received += 1;
        if state.new.len() < NEW_LIMIT {
            state.new.push(path.to_owned());
        }
    }

    pub(super) fn add_sent(&self) {
        self.state().count.sent += 1;
    }

    pub(super) fn add_skipped(&self, name: &str) {
        let mut state = self.state();
        if state.skipped.len() < SKIPPED_LIMIT {
            state.skipped.insert(name.to_owned());
        }
    }

    pub(super) fn set_unsent(&self, unsent: usize) {
        self.state().count.unsent = unsent;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
