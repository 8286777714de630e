//! hookstorm itself as the target: MANIFEST texts and whole packages of which everything is known by construction go
//! through the readers and the runtime, and what hookstorm says is compared with what the generator built. [`fuzz_target`]
//! does it by number, [`target_again`] for the bytes of one difference.
//!
//! A difference is a defect of ours, or of the generator, and never the user's. It is on disk before it is shrunk, and
//! told once for each cause. The same seed gives the same packages, whatever `jobs` says.

#[doc(hidden)]
pub mod bodies;
mod calls;
mod keep;
mod manifest;
mod package;
mod sdk;
mod shrink;

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub use manifest::against_generator;

use super::{EngineError, Stop, threads::in_threads};
use crate::{
    contract::Platform,
    generate::{manifest::MANIFEST_BYTES, nth_bytes, package::PACKAGE_BYTES},
};
use sdk::Sdk;

/// The folder of differences in a corpus, apart from those of plugins.
const FOLDER: &str = "differences";
/// How many differences are kept; more than that have few causes.
const KEPT: usize = 50;
/// How often a MANIFEST is tried while it is made smaller.
const MANIFEST_TRIES: usize = 4000;
/// How often a package is; each try may cost a worker.
const PACKAGE_TRIES: usize = 150;

/// What is held against the generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// The MANIFEST reader.
    Manifest,
    /// Everything: archive, MANIFEST, loading, running, judging.
    Package,
}

impl TargetKind {
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

/// What is asked for.
#[derive(Clone, Debug)]
pub struct TargetSettings {
    /// What is held against the generator.
    pub kind: TargetKind,
    /// How many are made; without it as many as `time` allows.
    pub runs: Option<u64>,
    /// How long; without it as long as `runs` takes.
    pub time: Option<Duration>,
    /// What they are made of.
    pub seed: u64,
    /// How many of the seed's are passed over.
    pub skip: u64,
    /// How many threads.
    pub jobs: usize,
    /// The folder for differences; each gets a folder in it.
    pub corpus: PathBuf,
    /// A virtual environment: where it has the Plugin SDK, MANIFESTs are held against the SDK's reader too.
    pub venv: Option<PathBuf>,
}

/// hookstorm says another thing than the generator built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What two differences of one cause share.
    pub kind: String,
    /// What differs, a line or more.
    pub problem: String,
    /// What it was made from: the generator makes the same of them again.
    pub bytes: Vec<u8>,
    /// What was built, in words.
    pub parts: Vec<String>,
    /// The platform that was played.
    pub platform: &'static Platform,
    /// What was built: names and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// The folder that it is kept in.
    pub path: Option<PathBuf>,
}

/// What happens meanwhile.
#[derive(Clone, Debug)]
pub enum TargetEvent {
    /// So far.
    Progress {
        /// How many were held against what was built.
        runs: u64,
        /// How many will be, where that is known.
        of: Option<u64>,
        /// How many differences have another cause than the others.
        differences: usize,
    },
    /// A difference was found, shrunk and kept.
    Found(Box<Difference>),
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct TargetSummary {
    /// How many were held against what was built.
    pub runs: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// The differences, one for each cause.
    pub differences: Vec<Difference>,
    /// Whether it was asked to stop before its end.
    pub interrupted: bool,
    /// What the user should know: that no SDK was at hand, for instance.
    pub notes: Vec<String>,
}

/// Makes one after another and holds what hookstorm says against what was built.
///
/// # Errors
/// [`EngineError`] where a difference cannot be kept, or the machine gives no threads.
pub fn fuzz_target(
    settings: &TargetSettings,
    stop: &Stop,
    listen: &(dyn Fn(TargetEvent) + Sync),
) -> Result<TargetSummary, EngineError> {
    let started = Instant::now();
    let mut summary = TargetSummary::default();
    let has_sdk = settings.kind == TargetKind::Manifest && start_sdk(settings.venv.as_deref()).is_some();
    if settings.kind == TargetKind::Manifest && !has_sdk {
        summary.notes.push(
            "no Plugin SDK at hand: MANIFESTs were held against the generator alone; `--venv` names an environment that has it"
                .into(),
        );
    }
    let shared = Shared {
        settings,
        stop,
        listen,
        deadline: settings.time.and_then(|time| started.checked_add(time)),
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        kinds: Mutex::default(),
        found: Mutex::default(),
    };
    for outcome in in_threads(settings.jobs.clamp(1, 256), || shared.work(has_sdk))? {
        outcome?;
    }
    summary.runs = shared.done.into_inner();
    summary.differences = shared.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.interrupted = stop.requested();
    summary.elapsed = started.elapsed();
    Ok(summary)
}

/// Makes what `bytes` give once more: the difference that it still shows.
pub fn target_again(kind: TargetKind, bytes: &[u8], venv: Option<&Path>) -> Option<Difference> {
    let mut sdk = if kind == TargetKind::Manifest { start_sdk(venv) } else { None };
    compare(kind, bytes, sdk.as_mut())
}

fn start_sdk(venv: Option<&Path>) -> Option<Sdk> {
    Sdk::start(venv?).ok().flatten()
}

/// What `bytes` show. A panic of ours is a difference like any other.
fn compare(kind: TargetKind, bytes: &[u8], sdk: Option<&mut Sdk>) -> Option<Difference> {
    let ran = catch_unwind(AssertUnwindSafe(|| match kind {
        TargetKind::Manifest => manifest::compare(bytes, sdk),
        TargetKind::Package => package::compare(bytes),
    }));
    ran.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words");
        Some(Difference {
            kind: "panic".into(),
            problem: format!("hookstorm panicked: {words}"),
            bytes: bytes.to_vec(),
            parts: Vec::new(),
            platform: Platform::newest(),
            files: Vec::new(),
            path: None,
        })
    })
}

struct Shared<'a> {
    settings: &'a TargetSettings,
    stop: &'a Stop,
    listen: &'a (dyn Fn(TargetEvent) + Sync),
    deadline: Option<Instant>,
    next: AtomicU64,
    done: AtomicU64,
    kinds: Mutex<HashSet<String>>,
    found: Mutex<Vec<Difference>>,
}

impl Shared<'_> {
    fn is_over(&self) -> bool {
        self.stop.requested() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn work(&self, has_sdk: bool) -> Result<(), EngineError> {
        let settings = self.settings;
        let mut sdk = if has_sdk { start_sdk(settings.venv.as_deref()) } else { None };
        while !self.is_over() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if settings.runs.is_some_and(|runs| number >= runs) {
                break;
            }
            let bytes = nth_bytes(settings.seed, settings.skip.saturating_add(number), settings.kind.bytes());
            if let Some(difference) = compare(settings.kind, &bytes, sdk.as_mut()) {
                self.keep(difference, sdk.as_mut())?;
            }
            let runs = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            let differences = lock(&self.found).len();
            (self.listen)(TargetEvent::Progress { runs, of: settings.runs, differences });
        }
        Ok(())
    }

    /// Keeps a difference of a new cause, makes it smaller, keeps it again and tells it.
    fn keep(&self, difference: Difference, mut sdk: Option<&mut Sdk>) -> Result<(), EngineError> {
        {
            let mut kinds = lock(&self.kinds);
            if kinds.len() >= KEPT || !kinds.insert(difference.kind.clone()) {
                return Ok(());
            }
        }
        let kind = self.settings.kind;
        let folder = self.settings.corpus.join(FOLDER).join(kind.name());
        keep::keep(&folder, kind, &difference)?;
        let mut smallest = difference.clone();
        shrink::shrink(difference.bytes, kind.tries(), |bytes| {
            let again = if self.is_over() { None } else { compare(kind, bytes, sdk.as_deref_mut()) };
            let shows = again.filter(|again| again.kind == difference.kind);
            shows.map(|again| smallest = again).is_some()
        });
        smallest.path = Some(keep::keep(&folder, kind, &smallest)?);
        lock(&self.found).push(smallest.clone());
        (self.listen)(TargetEvent::Found(Box::new(smallest)));
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
