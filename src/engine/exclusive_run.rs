//! [`ExclusiveRun`]: lets one thread of a run work while all others wait.

use std::sync::{Arc, PoisonError, RwLock};

use crate::engine::known_hangs::KnownHangs;

/// Reproducing a timeout needs a machine that no other thread of the run keeps busy: otherwise the load that hookstorm
/// makes itself would cause false alarms.
///
/// Clones belong to the same run.
#[derive(Clone, Debug, Default)]
pub(super) struct ExclusiveRun {
    lock: Arc<RwLock<()>>,
    hangs: KnownHangs,
}

impl ExclusiveRun {
    /// The hangs that the run has confirmed.
    pub(super) const fn hangs(&self) -> &KnownHangs {
        &self.hangs
    }

    /// Does `work` while other threads may do such work too.
    pub(super) fn shared<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.lock.read().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    /// Does `work` while no other thread works.
    pub(super) fn exclusive<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.lock.write().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}
