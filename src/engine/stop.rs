//! [`Stop`].

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// Asks a run to end. Ctrl-C sets it; the run reads it between batches.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Stop {
    /// Asks the run to end.
    pub fn request(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to end.
    pub fn requested(&self) -> bool {
        self.flag.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The same for a part of the run, which also ends at `deadline`.
    pub(super) fn until(&self, deadline: Instant) -> Self {
        Self { flag: Arc::clone(&self.flag), deadline: Some(deadline) }
    }

    /// The flag itself, for a signal handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_at_its_deadline_and_with_the_run() {
        let stop = Stop::default();
        let (now, later) = (Instant::now(), Instant::now() + std::time::Duration::from_secs(3600));
        assert!(stop.until(now).requested() && !stop.until(later).requested() && !stop.requested());
        stop.request();
        assert!(stop.until(later).requested());
    }
}
