//! [`PluginOptions`]: how to run a plugin, and where to keep its cases.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    num::NonZero,
    path::PathBuf,
    time::Duration,
};

use super::AllowedDestination;
use crate::{
    contract::Platform,
    corpus::remote::CorpusLocation,
    finding::RuleLevels,
    report::{Baseline, Rerun, SandboxMode},
    runtime::Limits,
};

/// The default folder for cases.
const CORPUS: &str = "corpora";

/// The default time between two exchanges with a bucket.
const SYNC_EVERY: Duration = Duration::from_secs(10);

/// How to run a plugin, and where to keep its cases. All have a default.
///
/// ```
/// use std::time::Duration;
///
/// let options = hookstorm::PluginOptions::new().timeout(Duration::from_millis(500)).jobs(2).corpus("target/cases");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PluginOptions {
    pub(crate) platform: &'static Platform,
    pub(crate) configuration: Option<String>,
    pub(crate) venv: Option<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) jobs: usize,
    pub(crate) allowed_network: Vec<AllowedDestination>,
    pub(crate) readable: Vec<PathBuf>,
    pub(crate) sandbox: SandboxMode,
    /// The option or file that switched the sandbox off, for the note about it.
    pub(crate) sandbox_off_by: Option<String>,
    pub(crate) levels: RuleLevels,
    pub(crate) corpus: CorpusLocation,
    pub(crate) corpus_cache: Option<PathBuf>,
    pub(crate) sync_every: Duration,
    pub(crate) baseline: Baseline,
    /// The second plugin and, if it is not its package's own, its configuration text.
    pub(crate) other: Option<(PathBuf, Option<String>)>,
    /// The options with which the user can repeat the run; `None` derives them from these.
    pub(crate) rerun: Option<Rerun>,
    /// More notes for the report.
    pub(crate) notes: Vec<String>,
}

impl Default for PluginOptions {
    fn default() -> Self {
        Self {
            platform: Platform::newest(),
            configuration: None,
            venv: None,
            limits: Limits::default(),
            jobs: std::thread::available_parallelism().map_or(1, NonZero::get),
            allowed_network: Vec::new(),
            readable: Vec::new(),
            sandbox: SandboxMode::On,
            sandbox_off_by: None,
            levels: RuleLevels::default(),
            corpus: CorpusLocation::Folder(CORPUS.into()),
            corpus_cache: None,
            sync_every: SYNC_EVERY,
            baseline: Baseline::default(),
            other: None,
            rerun: None,
            notes: Vec::new(),
        }
    }
}

impl PluginOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The version of the platform to simulate \[default: the newest\].
    #[must_use]
    pub fn platform(mut self, platform: &'static Platform) -> Self {
        self.platform = platform;
        self
    }

    /// The configuration text that the plugin gets \[default: the package's default.cfg\].
    #[must_use]
    pub fn configuration(mut self, text: impl Into<String>) -> Self {
        self.configuration = Some(text.into());
        self
    }

    /// The virtual environment from which the plugin may import \[default: none\]. It must be of the Python version
    /// that hookstorm was built with.
    #[must_use]
    pub fn venv(mut self, folder: impl Into<PathBuf>) -> Self {
        self.venv = Some(folder.into());
        self
    }

    /// The time limit of a call \[default: 2 s\].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// The memory that a call may use in addition to what the loaded plugin uses, in bytes \[default: 512 MiB\]. With
    /// less than 16 MiB, CPython itself fails.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.limits.memory_bytes = bytes;
        self
    }

    /// The number of workers that run at once, at least 1 \[default: the number of cores\]. [`load`](super::load) has
    /// [`in_flight`](super::LoadOptions::in_flight) instead.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Allows a destination; may be called several times \[default: none, not even loopback\]. Names are looked up when
    /// the plugin is opened.
    #[must_use]
    pub fn allow_network(mut self, destination: AllowedDestination) -> Self {
        self.allowed_network.push(destination);
        self
    }

    /// Lets the plugin read a file or folder; may be called several times \[default: what Python and its package
    /// need\].
    #[must_use]
    pub fn allow_read(mut self, path: impl Into<PathBuf>) -> Self {
        self.readable.push(path.into());
        self
    }

    /// How much of the sandbox there must be \[default: `SandboxMode::On`, as much as this machine has\].
    #[must_use]
    pub fn sandbox(mut self, mode: SandboxMode) -> Self {
        self.sandbox = mode;
        self
    }

    /// The levels of rules \[default: those that `hookstorm rules` lists\].
    #[must_use]
    pub fn levels(mut self, levels: RuleLevels) -> Self {
        self.levels = levels;
        self
    }

    /// The folder for cases, with a subfolder for each plugin \[default: `corpora`\].
    #[must_use]
    pub fn corpus(self, folder: impl Into<PathBuf>) -> Self {
        self.corpus_location(CorpusLocation::Folder(folder.into()))
    }

    /// The folder for cases, or a bucket that several hosts share \[default: the folder `corpora`\].
    #[must_use]
    pub fn corpus_location(mut self, location: CorpusLocation) -> Self {
        self.corpus = location;
        self
    }

    /// The folder for the local copy of a corpus in a bucket \[default: one for each bucket in `XDG_CACHE_HOME` or
    /// `~/.cache`\].
    #[must_use]
    pub fn corpus_cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.corpus_cache = Some(folder.into());
        self
    }

    /// The time between two exchanges of cases with a bucket \[default: 10 s\].
    #[must_use]
    pub fn sync_every(mut self, time: Duration) -> Self {
        self.sync_every = time;
        self
    }

    /// Known findings: they do not fail a run \[default: none\].
    #[must_use]
    pub fn baseline(mut self, baseline: Baseline) -> Self {
        self.baseline = baseline;
        self
    }

    /// A second plugin in the same sessions, for example an AA plugin before a credential store, with its configuration
    /// text or, if that is `None`, its package's default.cfg \[default: no second plugin\]. [`fuzz`](super::fuzz) and
    /// [`load`](super::load) run one plugin and refuse it.
    #[must_use]
    pub fn with(mut self, plugin: impl Into<PathBuf>, configuration: Option<String>) -> Self {
        self.other = Some((plugin.into(), configuration));
        self
    }

    /// The note and warning that the sandbox is off, if it is.
    pub(crate) fn sandbox_off_note(&self) -> Option<String> {
        let by = self.sandbox_off_by.as_deref().unwrap_or("`SandboxMode::Off`");
        (self.sandbox == SandboxMode::Off).then(|| {
            format!("the sandbox is off, as {by} says: the plugin may read, write, signal and reach whatever you may")
        })
    }

    /// The folder of the corpus, or of its local copy if it is in a bucket.
    pub(crate) fn corpus_folder(&self) -> PathBuf {
        match &self.corpus {
            CorpusLocation::Folder(folder) => folder.clone(),
            CorpusLocation::Bucket(bucket) => self
                .corpus_cache
                .clone()
                .unwrap_or_else(|| bucket.cache_in(&cache_folder(|name| std::env::var_os(name)))),
        }
    }

    /// The options of the command line that repeat a run with these options.
    pub(super) fn rerun(&self) -> Rerun {
        if let Some(rerun) = &self.rerun {
            return rerun.clone();
        }
        let (defaults, mut options) = (Self::default(), Vec::new());
        let mut option = |name: &str, value: String| options.extend([name.to_owned(), value]);
        if self.platform != defaults.platform {
            option("--platform", self.platform.name.to_owned());
        }
        if let Some(venv) = &self.venv {
            option("--venv", venv.to_string_lossy().into_owned());
        }
        if self.limits.timeout != defaults.limits.timeout {
            option("--timeout", format!("{}ms", self.limits.timeout.as_millis()));
        }
        if self.limits.memory_bytes != defaults.limits.memory_bytes {
            option("--memory", format!("{}KB", self.limits.memory_bytes >> 10));
        }
        if let Some((path, _)) = &self.other {
            option("--with", path.to_string_lossy().into_owned());
        }
        self.allowed_network.iter().for_each(|one| option("--allow-network", one.to_string()));
        self.readable.iter().for_each(|path| option("--allow-read", path.to_string_lossy().into_owned()));
        match self.sandbox {
            SandboxMode::On => {}
            SandboxMode::Require => option("--sandbox", "require".to_owned()),
            SandboxMode::Off => option("--sandbox", "off".to_owned()),
        }
        let levels = self.levels.as_options().collect();
        Rerun { options, own: Vec::new(), levels, configured: self.configuration.is_some(), baseline: None }
    }
}

/// The folder for caches of this user; the temporary folder if there is none.
fn cache_folder(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> PathBuf {
    let folder = |name| variable(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let home = || folder("HOME").map(|home| home.join(".cache"));
    folder("XDG_CACHE_HOME").or_else(home).unwrap_or_else(std::env::temp_dir)
}

/// A random seed of 32 bits: short enough to read out and to type.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_bucket_is_copied_into_a_permanent_folder() {
        let cached = PluginOptions::new().corpus_location(CorpusLocation::parse("s3://nights/vault").unwrap());
        assert_eq!(cached.clone().corpus_cache("copy").corpus_folder(), Path::new("copy"));
        let caches = |known: &'static [(&str, &str)]| {
            cache_folder(|name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
        };
        assert_eq!(caches(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Path::new("/x"));
        assert_eq!(caches(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")]), Path::new("/h/.cache"));
        assert_eq!(caches(&[]), std::env::temp_dir());
    }

    #[test]
    fn the_options_that_differ_from_the_defaults_repeat_a_run() {
        assert_eq!(PluginOptions::new().rerun().options, [""; 0]);
        let options = PluginOptions::new()
            .timeout(Duration::from_millis(500))
            .allow_network("[::1]:8200".parse().unwrap())
            .sandbox(SandboxMode::Require);
        let line = "--timeout 500ms --allow-network [::1]:8200 --sandbox require";
        assert_eq!(options.rerun().options.join(" "), line);
    }
}
