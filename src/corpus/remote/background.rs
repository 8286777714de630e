//! Keeps folder and bucket alike while a campaign runs: [`BackgroundSync`] is a thread that takes a step now and then, at once
//! when something was found, and a last one at the end. Hosts that were started together are kept apart by chance.

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
    bucket_url::BucketUrl,
    error::RemoteError,
    shared_corpus::{SharedCorpus, SyncCount},
    sync_once::Synchronizer,
};

/// The longest time between two tries while the bucket is away.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// How long the last step may take. What it does not reach waits for the next start.
const LAST_LIMIT: Duration = Duration::from_secs(30);
/// How often the one who waits for the first sync looks whether it should.
const LOOK: Duration = Duration::from_millis(100);

/// What is worth telling while a campaign runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncEvent {
    /// The bucket is away, or refuses, or the folder fails. Told once until [`SyncEvent::Back`], a refusal once for ever.
    Alone(RemoteError),
    /// It works again.
    Back,
}

/// What of a corpus is kept alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncScope {
    /// The folder of one plugin.
    Folder(String),
    /// That folder, or everything where neither side has it.
    FolderOrAll(String),
}

/// A thread that keeps a folder and a bucket alike.
#[derive(Debug)]
pub struct BackgroundSync {
    shared: Arc<SharedCorpus>,
    control: Arc<Control>,
    first: Mutex<Receiver<Result<(), RemoteError>>>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Control {
    /// Something was found.
    found: Notify,
    stop: Notify,
    stops: AtomicBool,
}

impl BackgroundSync {
    /// Starts to keep `folder` and `place` alike: a first step now, then one about `every` so often. `tell` is called from
    /// the thread, rarely.
    ///
    /// # Errors
    /// [`RemoteError`] where the environment's settings make no client. Nothing was asked of the network yet.
    pub fn start(
        place: &BucketUrl,
        folder: PathBuf,
        scope: SyncScope,
        every: Duration,
        tell: impl Fn(SyncEvent) + Send + 'static,
    ) -> Result<Self, RemoteError> {
        let shared = Arc::new(SharedCorpus::default());
        let sync = Synchronizer::new(place.store()?, place.clone(), folder.clone(), Arc::clone(&shared));
        Self::with_step(sync, shared, folder, scope, every, tell)
    }

    pub(super) fn with_step(
        sync: Synchronizer,
        shared: Arc<SharedCorpus>,
        folder: PathBuf,
        scope: SyncScope,
        every: Duration,
        tell: impl Fn(SyncEvent) + Send + 'static,
    ) -> Result<Self, RemoteError> {
        let failed = |what: &str, error: std::io::Error| RemoteError::Copy(format!("cannot start {what}: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed("the exchange with the bucket", error))?;
        let control = Arc::new(Control::default());
        let (began, first) = mpsc::channel();
        let work = {
            let control = Arc::clone(&control);
            move || {
                runtime.block_on(keep(sync, &folder, &scope, every, &control, &began, &tell));
                // A name that is being looked up cannot be called off, and must not keep the program.
                runtime.shutdown_background();
            }
        };
        let thread = thread::Builder::new().name("corpus".into()).spawn(work);
        let thread = thread.map_err(|error| failed("a thread for the bucket", error))?;
        Ok(Self { shared, control, first: Mutex::new(first), thread })
    }

    /// Waits until the first step is done, so that the campaign begins with what others have found. A bucket that cannot be
    /// reached is no error: it was told, and is tried again. Waits no longer once `gives_up` says so.
    ///
    /// # Errors
    /// [`RemoteError::Refused`], and then nothing more is tried: whoever gave wrong credentials should learn it before a
    /// night is spent alone.
    pub fn first(&self, gives_up: impl Fn() -> bool) -> Result<(), RemoteError> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        while !gives_up() {
            match first.recv_timeout(LOOK) {
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

    /// What the campaign may ask.
    pub fn shared(&self) -> Arc<SharedCorpus> {
        Arc::clone(&self.shared)
    }

    /// Something was found, and is in the folder: the others should have it soon.
    pub fn found(&self) {
        self.control.found.notify_one();
    }

    /// Ends, after a last step that is bounded in time, and tells how much was exchanged. What is
    /// [waiting](SyncCount::waiting) then is in the folder and goes with the next start.
    pub fn stop(self) -> SyncCount {
        self.control.stops.store(true, Ordering::Relaxed);
        self.control.stop.notify_one();
        // A panic in there was told by the hook of this process; what is in the folder stays.
        let _ = self.thread.join();
        self.shared.count()
    }
}

async fn keep(
    mut sync: Synchronizer,
    folder: &Path,
    scope: &SyncScope,
    every: Duration,
    control: &Control,
    began: &Sender<Result<(), RemoteError>>,
    tell: &(dyn Fn(SyncEvent) + Send),
) {
    let mut talk = EventFilter::default();
    let (SyncScope::Folder(name) | SyncScope::FolderOrAll(name)) = scope;
    sync.narrow(name);
    let Some(first) = unless_stopped(sync.sync_once(), control).await else { return };
    let first = match (scope, first) {
        (SyncScope::FolderOrAll(_), Ok(())) if !folder.join(name).is_dir() => {
            sync.narrow("");
            let Some(all) = unless_stopped(sync.sync_once(), control).await else { return };
            all
        }
        (_, first) => first,
    };
    let is_over = first.as_ref().is_err_and(|error| !error.is_passing());
    if !is_over && let Some(news) = talk.heard(&first) {
        tell(news);
    }
    let _ = began.send(first);
    if is_over {
        return;
    }
    while !control.stops.load(Ordering::Relaxed) {
        let nap = time::sleep(delay(every, talk.failures, chance()));
        let is_well = talk.failures == 0;
        let wake = async {
            let nap = pin!(nap);
            // Somebody who is away need not be called each time.
            if is_well {
                select(nap, pin!(control.found.notified())).await;
            } else {
                nap.await;
            }
        };
        if unless_stopped(wake, control).await.is_none() {
            break;
        }
        let Some(result) = unless_stopped(sync.sync_once(), control).await else { break };
        if let Some(news) = talk.heard(&result) {
            tell(news);
        }
    }
    if let Ok(result) = time::timeout(LAST_LIMIT, sync.sync_once()).await
        && let Some(news) = talk.heard(&result)
    {
        tell(news);
    }
}

/// What `work` gives, or `None` where somebody asks to stop before its end.
async fn unless_stopped<T>(work: impl Future<Output = T>, control: &Control) -> Option<T> {
    if control.stops.load(Ordering::Relaxed) {
        return None;
    }
    match select(pin!(work), pin!(control.stop.notified())).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// The time to the next sync: longer after each failure, and never the same on two hosts. `chance` lies from 0 to 1.
fn delay(every: Duration, failures: u32, chance: f64) -> Duration {
    let longest = LONGEST_DELAY.max(every);
    every.saturating_mul(1 << failures.min(6)).min(longest).mul_f64(0.75 + chance / 2.0)
}

/// A number from 0 to 1. Nothing that a run finds depends on it.
fn chance() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64
}

/// Knows what was told already.
#[derive(Debug, Default)]
pub(super) struct EventFilter {
    pub(super) failures: u32,
    is_alone: bool,
    was_refused: bool,
}

impl EventFilter {
    /// What of this result is worth telling.
    pub(super) fn heard(&mut self, result: &Result<(), RemoteError>) -> Option<SyncEvent> {
        match result {
            Ok(()) => {
                self.failures = 0;
                std::mem::take(&mut self.is_alone).then_some(SyncEvent::Back)
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let is_told = match error.is_passing() {
                    true => self.is_alone,
                    false => std::mem::replace(&mut self.was_refused, true),
                };
                let tells = !is_told;
                self.is_alone |= tells;
                tells.then(|| SyncEvent::Alone(error.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Result<(), RemoteError> {
        Err(RemoteError::Refused { place: "s3://a".into(), said: "no".into(), hint: "x".into() })
    }

    fn away() -> Result<(), RemoteError> {
        Err(RemoteError::Unreachable { place: "s3://a".into(), said: "no route".into() })
    }

    #[test]
    fn an_outage_is_told_once_and_its_end_once() {
        let mut talk = EventFilter::default();
        let told: Vec<_> =
            [Ok(()), away(), away(), away(), Ok(()), Ok(()), away()].iter().map(|one| talk.heard(one)).collect();
        let alone = || Some(SyncEvent::Alone(away().unwrap_err()));
        assert_eq!(told, [None, alone(), None, None, Some(SyncEvent::Back), None, alone()]);
    }

    #[test]
    fn a_refusal_is_told_once_however_often_it_comes_back() {
        let mut talk = EventFilter::default();
        let told: Vec<_> = [Ok(()), refused(), refused(), Ok(()), refused(), away()]
            .iter()
            .filter_map(|one| talk.heard(one))
            .filter(|news| matches!(news, SyncEvent::Alone(RemoteError::Refused { .. })))
            .collect();
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn tries_grow_rarer_while_the_bucket_is_away_but_never_stop() {
        let every = Duration::from_secs(10);
        assert_eq!(delay(every, 0, 0.5), every);
        assert_eq!(delay(every, 2, 0.5), Duration::from_secs(40));
        assert_eq!(delay(every, u32::MAX, 0.5), LONGEST_DELAY);
        assert_ne!(delay(every, 0, 0.0), delay(every, 0, 1.0), "hosts that start together drift apart");
        assert!((0.0..=1.0).contains(&chance()));
    }
}
