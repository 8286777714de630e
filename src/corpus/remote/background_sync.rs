//! [`BackgroundSync`]: a thread that synchronizes folder and bucket while a run goes on: at intervals, at once after a
//! finding, and a last time at the end. The intervals are random, so that hosts that started together do not stay
//! together.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::{sync::Notify, time};

use super::{
    bucket::Bucket,
    bucket_url::BucketUrl,
    error::RemoteError,
    shared_corpus::{SharedCorpus, SyncCount},
    sync_once::Synchronizer,
};

/// The longest time between two attempts while the bucket is unreachable.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// How long the last synchronization can take. The rest waits for the next start.
const LAST_LIMIT: Duration = Duration::from_secs(30);
/// How often a caller that waits for the first synchronization checks whether to stop waiting.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// What the user should know while a run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncEvent {
    /// The bucket is unreachable, or refuses access, or the folder fails. Emitted once until [`SyncEvent::Back`]; a
    /// refusal only once in a run.
    Alone(RemoteError),
    /// The bucket is reachable again.
    Back,
}

/// Which part of a corpus to synchronize.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncScope {
    /// The folder of one plugin.
    Folder(String),
    /// This folder, or everything if neither side has it.
    FolderOrAll(String),
}

/// A thread that synchronizes a folder and a bucket.
#[derive(Debug)]
pub struct BackgroundSync {
    shared: Arc<SharedCorpus>,
    control: Arc<Control>,
    first: Mutex<Receiver<Result<(), RemoteError>>>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Control {
    /// There is a new finding.
    found: Notify,
    stop: Notify,
    is_stopped: AtomicBool,
}

impl BackgroundSync {
    /// Starts to synchronize `folder` and `bucket`: now, then about once in `every`. The thread calls `listen`, rarely.
    ///
    /// # Errors
    /// [`RemoteError`] if the environment has settings that make no client. This needs no network.
    pub fn start(
        bucket: &BucketUrl,
        folder: PathBuf,
        scope: SyncScope,
        every: Duration,
        listen: impl Fn(SyncEvent) + Send + 'static,
    ) -> Result<Self, RemoteError> {
        let shared = Arc::new(SharedCorpus::default());
        let bucket = Bucket::new(bucket.store()?, bucket.clone());
        let synchronizer = Synchronizer::new(bucket, folder.clone(), Arc::clone(&shared));
        Self::with_synchronizer(synchronizer, shared, folder, scope, every, listen)
    }

    pub(super) fn with_synchronizer(
        synchronizer: Synchronizer,
        shared: Arc<SharedCorpus>,
        folder: PathBuf,
        scope: SyncScope,
        every: Duration,
        listen: impl Fn(SyncEvent) + Send + 'static,
    ) -> Result<Self, RemoteError> {
        let failed = |what: &str, error: std::io::Error| RemoteError::Copy {
            message: format!("cannot start {what}: {error}"),
            remedy: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed("the exchange with the bucket", error))?;
        let control = Arc::new(Control::default());
        let (send_first, first) = mpsc::channel();
        let work = {
            let control = Arc::clone(&control);
            move || {
                runtime.block_on(run(synchronizer, &folder, &scope, every, &control, &send_first, &listen));
                // A DNS lookup cannot be cancelled, and must not delay the end of the program.
                runtime.shutdown_background();
            }
        };
        let thread = thread::Builder::new().name("corpus".into()).spawn(work);
        let thread = thread.map_err(|error| failed("a thread for the bucket", error))?;
        Ok(Self { shared, control, first: Mutex::new(first), thread })
    }

    /// Waits until the first synchronization is done, so that the run begins with the cases of other hosts. If the
    /// bucket is unreachable, this is no error: an event says so, and the thread tries again. Stops waiting when
    /// `gives_up` is true.
    ///
    /// # Errors
    /// [`RemoteError::Refused`]; then the thread tries no more. A user with wrong credentials should know it at once,
    /// and not after a night without an exchange.
    pub fn first(&self, gives_up: impl Fn() -> bool) -> Result<(), RemoteError> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        while !gives_up() {
            match first.recv_timeout(CHECK_EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(Err(error)) if !error.is_passing() => return Err(error),
                Ok(_) => {
                    self.shared.take_new();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// What the run shares with the thread.
    pub fn shared(&self) -> Arc<SharedCorpus> {
        Arc::clone(&self.shared)
    }

    /// There is a new finding in the folder, which the thread should upload soon.
    pub fn found(&self) {
        self.control.found.notify_one();
    }

    /// Synchronizes a last time, with a time limit, and ends. Cases that are then [unsent](SyncCount::unsent) are in
    /// the folder, and the next start uploads them.
    pub fn stop(self) -> SyncCount {
        self.control.is_stopped.store(true, Ordering::Relaxed);
        self.control.stop.notify_one();
        // If the thread panicked, the panic hook reported that; the cases are in the folder.
        let _ = self.thread.join();
        self.shared.count()
    }
}

/// The work of the thread.
async fn run(
    mut synchronizer: Synchronizer,
    folder: &Path,
    scope: &SyncScope,
    every: Duration,
    control: &Control,
    send_first: &Sender<Result<(), RemoteError>>,
    listen: &(dyn Fn(SyncEvent) + Send),
) {
    let mut filter = EventFilter::default();
    let (SyncScope::Folder(name) | SyncScope::FolderOrAll(name)) = scope;
    synchronizer.narrow(name);
    let Some(first) = unless_stopped(synchronizer.sync_once(), control).await else { return };
    let first = match (scope, first) {
        (SyncScope::FolderOrAll(_), Ok(())) if !folder.join(name).is_dir() => {
            synchronizer.narrow("");
            let Some(all) = unless_stopped(synchronizer.sync_once(), control).await else { return };
            all
        }
        (_, first) => first,
    };
    let is_refused = first.as_ref().is_err_and(|error| !error.is_passing());
    if !is_refused && let Some(event) = filter.event(&first) {
        listen(event);
    }
    let _ = send_first.send(first);
    if is_refused {
        return;
    }
    while !control.is_stopped.load(Ordering::Relaxed) {
        let delay = time::sleep(delay(every, filter.failures, random()));
        let is_reachable = filter.failures == 0;
        let wake = async {
            let delay = pin!(delay);
            // While the bucket is unreachable, a new finding is no reason to try earlier.
            if is_reachable {
                select(delay, pin!(control.found.notified())).await;
            } else {
                delay.await;
            }
        };
        if unless_stopped(wake, control).await.is_none() {
            break;
        }
        let Some(result) = unless_stopped(synchronizer.sync_once(), control).await else { break };
        if let Some(event) = filter.event(&result) {
            listen(event);
        }
    }
    if let Ok(result) = time::timeout(LAST_LIMIT, synchronizer.sync_once()).await
        && let Some(event) = filter.event(&result)
    {
        listen(event);
    }
}

/// The result of `work`; `None` if the user stops the run first.
async fn unless_stopped<T>(work: impl Future<Output = T>, control: &Control) -> Option<T> {
    if control.is_stopped.load(Ordering::Relaxed) {
        return None;
    }
    match select(pin!(work), pin!(control.stop.notified())).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// The time to the next synchronization: longer after each failure, and different on every host. `random` is between 0
/// and 1.
fn delay(every: Duration, failures: u32, random: f64) -> Duration {
    let longest = LONGEST_DELAY.max(every);
    every.saturating_mul(1 << failures.min(6)).min(longest).mul_f64(0.75 + random / 2.0)
}

/// A random number between 0 and 1. No result of a run depends on it.
fn random() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64
}

/// Decides which results are worth an event.
#[derive(Debug, Default)]
struct EventFilter {
    /// Failures since the last success.
    failures: u32,
    is_alone: bool,
    was_refused: bool,
}

impl EventFilter {
    fn event(&mut self, result: &Result<(), RemoteError>) -> Option<SyncEvent> {
        match result {
            Ok(()) => {
                self.failures = 0;
                std::mem::take(&mut self.is_alone).then_some(SyncEvent::Back)
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let is_known = match error.is_passing() {
                    true => self.is_alone,
                    false => std::mem::replace(&mut self.was_refused, true),
                };
                self.is_alone |= !is_known;
                (!is_known).then(|| SyncEvent::Alone(error.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Result<(), RemoteError> {
        Err(RemoteError::Refused { bucket: "s3://a".into(), message: "no".into(), hint: "x".into() })
    }

    fn unreachable() -> Result<(), RemoteError> {
        Err(RemoteError::Unreachable { bucket: "s3://a".into(), message: "no route".into() })
    }

    #[test]
    fn an_outage_is_reported_once_and_its_end_once() {
        let mut filter = EventFilter::default();
        let events: Vec<_> = [Ok(()), unreachable(), unreachable(), unreachable(), Ok(()), Ok(()), unreachable()]
            .iter()
            .map(|one| filter.event(one))
            .collect();
        let alone = || Some(SyncEvent::Alone(unreachable().unwrap_err()));
        assert_eq!(events, [None, alone(), None, None, Some(SyncEvent::Back), None, alone()]);
    }

    #[test]
    fn a_refusal_is_reported_once_even_if_it_comes_back() {
        let mut filter = EventFilter::default();
        let events: Vec<_> = [Ok(()), refused(), refused(), Ok(()), refused(), unreachable()]
            .iter()
            .filter_map(|one| filter.event(one))
            .filter(|event| matches!(event, SyncEvent::Alone(RemoteError::Refused { .. })))
            .collect();
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn attempts_become_rarer_while_the_bucket_is_unreachable_but_never_stop() {
        let every = Duration::from_secs(10);
        assert_eq!(delay(every, 0, 0.5), every);
        assert_eq!(delay(every, 2, 0.5), Duration::from_secs(40));
        assert_eq!(delay(every, u32::MAX, 0.5), LONGEST_DELAY);
        assert_ne!(delay(every, 0, 0.0), delay(every, 0, 1.0), "hosts that start together drift apart");
        assert!((0.0..=1.0).contains(&random()));
    }
}
