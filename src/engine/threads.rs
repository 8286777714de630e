//! [`in_threads`]: the threads of a run.

use std::{panic::resume_unwind, sync::OnceLock, thread};

use crate::engine::EngineError;

/// More threads than any machine can use.
pub(crate) const JOBS_LIMIT: usize = 1024;

/// Calls `work` in `jobs` threads and waits for all of them. If `work` panics in one of them, the panic goes on here.
///
/// # Errors
/// [`EngineError::Threads`] if the system does not start so many threads; then `work` is not called at all.
pub(crate) fn in_threads<T: Send>(jobs: usize, work: impl Fn() -> T + Sync) -> Result<Vec<T>, EngineError> {
    // Set once it is known whether all threads started: threads that share work may wait for one another.
    let is_go: OnceLock<bool> = OnceLock::new();
    thread::scope(|scope| {
        let mut threads = Vec::with_capacity(jobs);
        let mut failed = None;
        while threads.len() < jobs && failed.is_none() {
            let thread = thread::Builder::new().name(format!("engine-{}", threads.len()));
            match thread.spawn_scoped(scope, || is_go.wait().then(&work)) {
                Ok(thread) => threads.push(thread),
                Err(error) => failed = Some(EngineError::Threads { jobs, problem: error.to_string() }),
            }
        }
        let _ = is_go.set(failed.is_none());
        let results: Vec<Option<T>> =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect();
        failed.map_or_else(|| Ok(results.into_iter().flatten().collect()), Err)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_thread_works_once() {
        let calls = AtomicUsize::new(0);
        let mut results = in_threads(5, || calls.fetch_add(1, Ordering::Relaxed)).unwrap();
        results.sort_unstable();
        assert_eq!(results, [0, 1, 2, 3, 4]);
    }

    #[test]
    #[should_panic = "on purpose"]
    fn a_panic_goes_on_in_the_caller() {
        let _ = in_threads(2, || panic!("on purpose"));
    }
}
