//! [`ExclusiveRun`]: lets one thread of a run work while all others wait.

use std::sync::{Arc, PoisonError, RwLock};

/// Reproducing a timeout needs a machine that no other thread of the run keeps busy: otherwise the load that hookstorm
/// makes itself would cause false alarms.
///
/// Clones belong to the same run.
#[derive(Clone, Debug, Default)]
pub(super) struct ExclusiveRun(Arc<RwLock<()>>);

impl ExclusiveRun {
    /// Does `work` while other threads may do such work too.
    pub(super) fn shared<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.0.read().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    /// Does `work` while no other thread works.
    pub(super) fn exclusive<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}
