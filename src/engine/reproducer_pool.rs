//! [`ReproducerPool`]: runs independent work in parallel (threads of rayon), with at most one worker for each thread.

use std::{
    iter,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    engine::{EngineError, Plan, Setup, exclusive_run::ExclusiveRun, reproducer::Reproducer, threads::JOBS_LIMIT},
    runtime::RuntimeError,
};

/// Threads, and the reproducers that no thread uses at the moment.
pub(super) struct ReproducerPool<'p> {
    pub(super) plan: &'p Plan<'p>,
    exclusive: ExclusiveRun,
    threads: rayon::ThreadPool,
    idle: Mutex<Vec<(Setup, Reproducer<'p>)>>,
}

impl<'p> ReproducerPool<'p> {
    /// A pool of `jobs` threads. Workers start when they are needed.
    ///
    /// # Errors
    /// [`EngineError::Threads`] if the system does not start so many threads.
    pub(super) fn new(plan: &'p Plan<'p>, jobs: usize) -> Result<Self, EngineError> {
        let jobs = jobs.clamp(1, JOBS_LIMIT);
        let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
        let threads = threads.map_err(|error| EngineError::Threads { jobs, problem: error.to_string() })?;
        Ok(Self { plan, exclusive: ExclusiveRun::default(), threads, idle: Mutex::default() })
    }

    pub(super) fn jobs(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// Calls `work` for each item in parallel. The threads take the items in their order, so that a stop leaves out the
    /// last ones, and that neighbours with one setup share workers. The results are in the order of the items.
    pub(super) fn map<I: Sync, T: Send>(&self, items: &[I], work: impl Fn(&I) -> T + Sync + Send) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let of_threads: Vec<Vec<(usize, T)>> = self.threads.broadcast(|_| {
            let take = || {
                let at = next.fetch_add(1, Ordering::Relaxed);
                items.get(at).map(|item| (at, work(item)))
            };
            iter::from_fn(take).collect()
        });
        let mut results: Vec<(usize, T)> = of_threads.into_iter().flatten().collect();
        results.sort_unstable_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Calls `work` with a reproducer for `setup`. If `work` fails, its worker is not used again.
    ///
    /// # Errors
    /// Those of `work`, or of starting the worker.
    pub(super) fn with<T>(
        &self,
        setup: &Setup,
        work: impl FnOnce(&mut Reproducer<'p>) -> Result<T, RuntimeError>,
    ) -> Result<T, RuntimeError> {
        let mut reproducer = match self.take(setup) {
            Some(reproducer) => reproducer,
            None => Reproducer::start(self.plan, setup, &self.exclusive)?,
        };
        let result = work(&mut reproducer)?;
        self.idle().push((setup.clone(), reproducer));
        Ok(result)
    }

    /// An idle reproducer for `setup`. If there is none, another one makes room for it.
    fn take(&self, setup: &Setup) -> Option<Reproducer<'p>> {
        let mut idle = self.idle();
        if let Some(at) = idle.iter().position(|(known, _)| known == setup) {
            return Some(idle.swap_remove(at).1);
        }
        let other = idle.pop();
        drop(idle);
        // Its worker ends here, outside the lock.
        drop(other);
        None
    }

    /// Ends the workers that no thread uses: to start others, or to forget what these ran.
    pub(super) fn end_idle(&self) {
        let idle = std::mem::take(&mut *self.idle());
        // The workers end here, outside the lock.
        drop(idle);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Setup, Reproducer<'p>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
