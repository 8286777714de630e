//! Makes one manifest or package after another, and compares what hookstorm does with what is expected.

use std::{
    collections::HashSet,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use thiserror::Error;

use super::{keep, manifest, package, sdk::Sdk, shrink};
use crate::{
    contract::Platform,
    engine::{EngineError, Stop, in_threads},
    generate::{manifest::MANIFEST_BYTES, nth_bytes, package::PACKAGE_BYTES},
};

/// The folder of differences in a corpus, apart from the cases of plugins.
const FOLDER: &str = "differences";
/// The most differences that are kept; more than that have few causes.
const KEPT_LIMIT: usize = 50;
/// The most tries to shrink a manifest.
const MANIFEST_TRIES: usize = 4000;
/// The most tries to shrink a package; each may start a worker.
const PACKAGE_TRIES: usize = 150;

/// What a selftest generates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelftestKind {
    /// Manifests, for the reader of MANIFEST.
    Manifest,
    /// Packages, for everything: archive, MANIFEST, loading, running, judging.
    Package,
}

impl SelftestKind {
    /// All kinds, in the order in which a selftest without a kind runs them.
    pub const ALL: [Self; 2] = [Self::Manifest, Self::Package];

    /// Its word on the command line, and the name of its folder in a corpus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Package => "package",
        }
    }

    /// How many bytes one of them is made from.
    const fn bytes(self) -> usize {
        match self {
            Self::Manifest => MANIFEST_BYTES,
            Self::Package => PACKAGE_BYTES,
        }
    }

    const fn tries(self) -> usize {
        match self {
            Self::Manifest => MANIFEST_TRIES,
            Self::Package => PACKAGE_TRIES,
        }
    }
}

/// How to run a selftest.
#[derive(Clone, Debug)]
pub struct SelftestSettings {
    /// What it generates.
    pub kind: SelftestKind,
    /// How many; `None` for as many as `time` allows.
    pub runs: Option<u64>,
    /// How long; `None` for as long as `runs` takes.
    pub time: Option<Duration>,
    /// The seed.
    pub seed: u64,
    /// How many of the seed's inputs to skip.
    pub skip: u64,
    /// How many threads.
    pub jobs: usize,
    /// The folder for differences; each gets a folder of its own in it.
    pub corpus: PathBuf,
    /// A virtual environment with the Plugin SDK, whose reader gets the manifests too.
    pub venv: Option<PathBuf>,
}

/// A result of hookstorm that is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The same for differences of the same cause.
    pub cause: String,
    /// What differs, in one or more lines.
    pub problem: String,
    /// The number of the input: the seed's inputs count from 0.
    pub number: u64,
    /// The bytes that the generator makes the input from.
    pub bytes: Vec<u8>,
    /// What is special about the input, in words.
    pub parts: Vec<String>,
    /// The platform that it is made for.
    pub platform: &'static Platform,
    /// The input: paths and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// The folder that it is kept in.
    pub path: Option<PathBuf>,
}

/// Something that happened during a selftest.
#[derive(Clone, Debug)]
pub enum SelftestEvent {
    /// An input was compared.
    Progress {
        /// How many inputs were compared.
        runs: u64,
        /// How many differences there are, one for each cause.
        differences: usize,
    },
    /// A difference was found, shrunk and kept.
    Found(Box<Difference>),
}

/// The result of a selftest.
#[derive(Clone, Debug, Default)]
pub struct SelftestSummary {
    /// How many inputs were compared.
    pub runs: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// The differences, one for each cause.
    pub differences: Vec<Difference>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// What the user should know, that there is no SDK for instance.
    pub notes: Vec<String>,
}

/// Why a selftest cannot run.
#[derive(Debug, Error)]
pub enum SelftestError {
    /// A difference cannot be written.
    #[error("`{}` cannot be written: {source}", .path.display())]
    Keep {
        /// The folder of the difference.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The virtual environment has no SDK, or the SDK's process ended.
    #[error("the Plugin SDK of `{}` cannot be asked: {problem}", .venv.display())]
    Sdk {
        /// The virtual environment.
        venv: PathBuf,
        /// Why.
        problem: String,
    },
    /// The system does not start the threads.
    #[error(transparent)]
    Threads(#[from] EngineError),
}

/// Generates inputs and compares what hookstorm does with them, until `settings` or `stop` end it.
///
/// # Errors
/// [`SelftestError`] if a difference cannot be kept, the virtual environment has no SDK, or the machine starts no
/// threads.
pub fn selftest(
    settings: &SelftestSettings,
    stop: &Stop,
    listen: &(dyn Fn(SelftestEvent) + Sync),
) -> Result<SelftestSummary, SelftestError> {
    let started = Instant::now();
    let mut summary = SelftestSummary::default();
    if settings.kind == SelftestKind::Manifest && settings.venv.is_none() {
        summary.notes.push(
            "there is no Plugin SDK, so its reader got no manifests; `--venv DIR` names an environment that has the SDK"
                .into(),
        );
    }
    let state = SelftestState {
        settings,
        stop,
        listen,
        deadline: settings.time.and_then(|time| started.checked_add(time)),
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        causes: Mutex::default(),
        found: Mutex::default(),
    };
    for outcome in in_threads(settings.jobs.clamp(1, 256), || state.work())? {
        outcome?;
    }
    summary.runs = state.done.into_inner();
    summary.differences = state.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.differences.sort_by_key(|difference| difference.number);
    summary.interrupted = stop.requested();
    summary.elapsed = started.elapsed();
    Ok(summary)
}

/// Whether the interpreter of the virtual environment can import the Plugin SDK's reader of MANIFEST.
pub(crate) fn has_sdk(venv: &Path) -> bool {
    Sdk::start(venv).is_ok()
}

/// The difference of the input that `bytes` make. A panic of hookstorm is a difference too; an error if the SDK's
/// process ended.
fn compare(kind: SelftestKind, number: u64, bytes: &[u8], sdk: Option<&mut Sdk>) -> io::Result<Option<Difference>> {
    let ran = catch_unwind(AssertUnwindSafe(|| match kind {
        SelftestKind::Manifest => manifest::compare(bytes, sdk),
        SelftestKind::Package => Ok(package::compare(bytes)),
    }));
    let difference = ran.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Ok(Some(Difference {
            cause: "panic".into(),
            problem: format!("hookstorm panicked: {message}"),
            number,
            bytes: bytes.to_vec(),
            parts: Vec::new(),
            platform: Platform::newest(),
            files: Vec::new(),
            path: None,
        }))
    });
    Ok(difference?.map(|difference| Difference { number, ..difference }))
}

/// What the threads of a selftest share.
struct SelftestState<'a> {
    settings: &'a SelftestSettings,
    stop: &'a Stop,
    listen: &'a (dyn Fn(SelftestEvent) + Sync),
    deadline: Option<Instant>,
    next: AtomicU64,
    done: AtomicU64,
    causes: Mutex<HashSet<String>>,
    found: Mutex<Vec<Difference>>,
}

impl SelftestState<'_> {
    fn is_over(&self) -> bool {
        self.stop.requested() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn work(&self) -> Result<(), SelftestError> {
        let settings = self.settings;
        let wants_sdk = settings.kind == SelftestKind::Manifest;
        let venv = settings.venv.as_deref().filter(|_| wants_sdk);
        let mut sdk = venv.map(Sdk::start).transpose()?;
        while !self.is_over() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if settings.runs.is_some_and(|runs| number >= runs) {
                break;
            }
            let number = settings.skip.saturating_add(number);
            let bytes = nth_bytes(settings.seed, number, settings.kind.bytes());
            let difference = compare(settings.kind, number, &bytes, sdk.as_mut());
            if let Some(difference) = difference.map_err(|error| self.sdk_ended(number, &error))? {
                self.keep(difference, sdk.as_mut())?;
            }
            let runs = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            let differences = lock(&self.found).len();
            (self.listen)(SelftestEvent::Progress { runs, differences });
        }
        Ok(())
    }

    /// The SDK's process ended at this input.
    fn sdk_ended(&self, number: u64, error: &io::Error) -> SelftestError {
        let seed = self.settings.seed;
        SelftestError::Sdk {
            venv: self.settings.venv.clone().unwrap_or_default(),
            problem: format!("its process ended at input {number} of seed {seed}: {error}"),
        }
    }

    /// Keeps a difference of a new cause, shrinks it, keeps the smaller one, and reports it.
    fn keep(&self, difference: Difference, mut sdk: Option<&mut Sdk>) -> Result<(), SelftestError> {
        {
            let mut causes = lock(&self.causes);
            if causes.len() >= KEPT_LIMIT || !causes.insert(difference.cause.clone()) {
                return Ok(());
            }
        }
        let kind = self.settings.kind;
        let folder = self.settings.corpus.join(FOLDER).join(kind.name());
        keep::keep(&folder, self.settings, &difference)?;
        let mut smallest = difference.clone();
        let mut ended = None;
        shrink::shrink(difference.bytes, kind.tries(), |bytes| {
            if self.is_over() || ended.is_some() {
                return false;
            }
            let again = compare(kind, difference.number, bytes, sdk.as_deref_mut());
            let again = again.unwrap_or_else(|error| {
                ended = Some(error);
                None
            });
            let shows = again.filter(|again| again.cause == difference.cause);
            shows.map(|again| smallest = again).is_some()
        });
        smallest.path = Some(keep::keep(&folder, self.settings, &smallest)?);
        lock(&self.found).push(smallest.clone());
        let number = smallest.number;
        (self.listen)(SelftestEvent::Found(Box::new(smallest)));
        ended.map_or(Ok(()), |error| Err(self.sdk_ended(number, &error)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
