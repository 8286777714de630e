//! Merges the command line with hookstorm.toml: the command line comes first, then the file, then the default.

use std::{
    ffi::OsString,
    num::NonZero,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;

use super::{
    arguments::{Color, Common, Known, SandboxArgument, With},
    error::CliError,
    file_settings::{self, FileSettings, LoadTable},
    files,
    network::network,
    seams,
    values::Partition,
};
use crate::{
    contract::Platform,
    corpus::remote::{BucketUrl, CorpusLocation},
    finding::{Rule, RuleLevels},
    report::{Baseline, Format, Rerun, SandboxMode},
    runtime::{Limits, Network, Sandbox},
};

/// The default folder for cases.
const CORPUS: &str = "corpora";

/// The default time between two exchanges with a bucket.
const SYNC_EVERY: Duration = Duration::from_secs(10);

/// The default number of sessions of `test`.
const RUNS: u64 = 1000;

/// The settings of a command.
#[derive(Debug)]
pub(super) struct Settings {
    /// The plugin as the user typed it.
    pub(super) plugin: PathBuf,
    pub(super) platform: &'static Platform,
    pub(super) limits: Limits,
    pub(super) network: Network,
    /// The options of the sandbox.
    pub(super) sandbox: Sandbox,
    /// How much of the sandbox there must be.
    pub(super) wish: SandboxMode,
    /// The option or file that switches the sandbox off, if one does.
    pub(super) unconfined_by: Option<String>,
    pub(super) jobs: usize,
    /// The configuration text that the user gave.
    pub(super) configuration: Option<String>,
    pub(super) venv: Option<PathBuf>,
    /// The folder of the corpus, or of its copy if it is in a bucket.
    pub(super) corpus: PathBuf,
    /// The bucket, if it is in one.
    pub(super) bucket: Option<BucketUrl>,
    /// The time between two exchanges with the bucket.
    pub(super) sync_every: Duration,
    pub(super) format: Format,
    pub(super) color: Color,
    pub(super) levels: RuleLevels,
    /// The second plugin, and its configuration text if the user gave one.
    pub(super) other: Option<(PathBuf, Option<String>)>,
    pub(super) runs: u64,
    pub(super) seed: Option<u64>,
    pub(super) partition: Option<Partition>,
    pub(super) again: Rerun,
    /// The table `[load]` of hookstorm.toml.
    pub(super) load: LoadTable,
    /// The known findings: [`Settings::with_baseline`].
    pub(super) baseline: Baseline,
    /// The file of the known findings.
    pub(super) baseline_file: Option<PathBuf>,
}

/// The options of `test`, of which other commands have some.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Amount {
    pub(super) runs: Option<u64>,
    pub(super) seed: Option<u64>,
    pub(super) partition: Option<Partition>,
}

impl Settings {
    /// Merges the command line with the file beside the plugin's MANIFEST. Reads the configuration texts.
    pub(super) fn new(
        plugin: &Path,
        common: &Common,
        with: &With,
        amount: Amount,
        color: Option<Color>,
    ) -> Result<Self, CliError> {
        let file = FileSettings::read(plugin)?;
        let mut levels = file.rules;
        for text in &common.rule {
            seams::set_level(&mut levels, text)
                .map_err(|(problem, hint)| CliError::usage(format!("`--rule {text}`: {problem}"), hint))?;
        }
        let limits = Limits::default();
        let limits = Limits {
            timeout: common.timeout.or(file.timeout).unwrap_or(limits.timeout),
            memory_bytes: common.memory.or(file.memory).unwrap_or(limits.memory_bytes),
            ..limits
        };
        let config = common.config.clone().or(file.config);
        let with_config = with.with_config.clone().or(file.with_config);
        let other = with.with.clone().or(file.with);
        if let (None, Some(path)) = (&other, &with.with_config) {
            let problem = format!("`--with-config {}` configures a second plugin, but there is none", path.display());
            return Err(CliError::usage(problem, "set one with `--with OTHER`"));
        }
        if let (Some(one), Some(two)) = (&config, &with_config)
            && [one, two].iter().all(|path| path.as_os_str() == "-")
        {
            return Err(CliError::usage(
                "`--config -` and `--with-config -` both read standard input",
                "use a file for one of them",
            ));
        }
        let venv = common
            .venv
            .clone()
            .or(file.venv)
            .or_else(|| std::env::var_os("VIRTUAL_ENV").filter(|value| !value.is_empty()).map(PathBuf::from));
        if let Some(venv) = venv.as_deref().filter(|venv| !venv.is_dir()) {
            return Err(CliError::Python {
                problem: format!("`{}` is not a virtual environment: no such folder", venv.display()),
                hint: Some("make one with `python3 -m venv DIR`, or omit `--venv` and unset VIRTUAL_ENV".into()),
            });
        }
        let corpus_cache = common.sharing.corpus_cache.clone().or(file.corpus_cache);
        let (corpus, bucket) = match common.corpus.clone().or(file.corpus) {
            None => (CORPUS.into(), None),
            Some(CorpusLocation::Folder(folder)) => (folder, None),
            Some(CorpusLocation::Bucket(bucket)) => {
                (corpus_cache.unwrap_or_else(|| bucket.cache_in(&caches(|name| std::env::var_os(name)))), Some(bucket))
            }
        };
        let confined = &common.confined;
        let unconfined_by = match (confined.sandbox, file.sandbox) {
            (Some(SandboxArgument::Off), _) => Some("`--sandbox off`".to_owned()),
            (None, Some(SandboxArgument::Off)) => Some(format!("`{}`", plugin.join(file_settings::NAME).display())),
            _ => None,
        };
        let readable = given(&confined.allow_read, &file.allow_read).iter().map(|path| {
            path.canonicalize().map_err(|source| CliError::File { path: path.clone(), doing: "read", source })
        });
        let sandbox = Sandbox { is_off: unconfined_by.is_some(), readable: readable.collect::<Result<_, _>>()? };
        Ok(Self {
            plugin: plugin.to_owned(),
            platform: common.platform.or(file.platform).unwrap_or_else(Platform::newest),
            limits,
            network: network(given(&confined.allow_network, &file.allow_network))?,
            sandbox,
            wish: confined.sandbox.or(file.sandbox).map_or(SandboxMode::On, Into::into),
            unconfined_by,
            jobs: common.jobs.or(file.jobs).unwrap_or_else(cores),
            again: again(common, with, config.is_some()),
            configuration: config.as_deref().map(configuration).transpose()?,
            venv,
            corpus,
            bucket,
            sync_every: common.sharing.sync_every.or(file.sync_every).unwrap_or(SYNC_EVERY),
            format: common.format.or(file.format).unwrap_or_default(),
            color: color.or(file.color).unwrap_or_default(),
            levels,
            other: match other {
                Some(path) => Some((path, with_config.as_deref().map(configuration).transpose()?)),
                None => None,
            },
            runs: amount.runs.or(file.runs).unwrap_or(RUNS),
            seed: amount.seed.or(file.seed),
            partition: amount.partition,
            load: file.load,
            baseline: Baseline::default(),
            baseline_file: file.baseline,
        })
    }

    /// Adds an option of this command to the command that repeats the run, if the user set it.
    pub(super) fn repeat(&mut self, name: &str, value: Option<impl ToString>) {
        self.again.own.extend(value.into_iter().flat_map(|value| [name.to_owned(), value.to_string()]));
    }

    /// The same for an option without a value.
    pub(super) fn repeat_flag(&mut self, name: &str, is_given: bool) {
        self.again.own.extend(is_given.then(|| name.to_owned()));
    }

    /// Reads the known findings.
    pub(super) fn with_baseline(mut self, known: &Known) -> Result<Self, CliError> {
        self.again.baseline = known.baseline.as_ref().map(|path| path.to_string_lossy().into_owned());
        self.baseline_file = known.baseline.clone().or(self.baseline_file);
        if let Some(path) = &self.baseline_file {
            self.baseline = Baseline::parse(&files::text(path, false)?).map_err(|error| {
                CliError::usage(
                    format!("`{}` is not a baseline: {error}", path.display()),
                    "use a report of `--format json`, or a text file with one fingerprint on each line",
                )
            })?;
        }
        Ok(self)
    }
}

/// The values of the command line or, if it has none, those of the file.
fn given<'a, T>(common: &'a [T], file: &'a [T]) -> &'a [T] {
    if common.is_empty() { file } else { common }
}

/// The folder for caches of this user; the temporary folder if there is none.
fn caches(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let folder = |name| variable(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let home = || folder("HOME").map(|home| home.join(".cache"));
    folder("XDG_CACHE_HOME").or_else(home).unwrap_or_else(std::env::temp_dir)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// The text of a configuration file; `-` is standard input.
fn configuration(path: &Path) -> Result<String, CliError> {
    files::text(path, true)
}

/// The options that a command must repeat to show the same: those that the user typed. hookstorm.toml is read again.
fn again(common: &Common, with: &With, configured: bool) -> Rerun {
    let path = |path: &PathBuf| path.to_string_lossy().into_owned();
    let mut options = Vec::new();
    let mut option = |name: &str, value: Option<String>| {
        options.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    };
    option("--platform", common.platform.filter(|one| *one != Platform::newest()).map(|one| one.name.to_owned()));
    option("--config", common.config.as_ref().map(path));
    option("--venv", common.venv.as_ref().map(path));
    option("--timeout", common.timeout.map(time));
    option("--memory", common.memory.map(|bytes| format!("{}KB", bytes >> 10)));
    option("--with", with.with.as_ref().map(path));
    option("--with-config", with.with_config.as_ref().map(path));
    let confined = &common.confined;
    confined.allow_network.iter().for_each(|one| option("--allow-network", Some(one.to_string())));
    confined.allow_read.iter().for_each(|one| option("--allow-read", Some(path(one))));
    let mode = confined.sandbox.and_then(|mode| mode.to_possible_value());
    option("--sandbox", mode.map(|mode| mode.get_name().to_owned()));
    let is_level = |text: &&String| text.split_once('=').is_some_and(|(id, _)| Rule::named(id.trim()).is_some());
    let levels = common.rule.iter().filter(is_level).cloned().collect();
    Rerun { options, own: Vec::new(), levels, configured, baseline: None }
}

/// A time in the form of the command line.
pub(super) fn time(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{}s", time.as_secs()) } else { format!("{}ms", time.as_millis()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::{arguments::Confined, network::Opening};

    fn settings(toml: &str, common: &Common) -> Settings {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hookstorm.toml"), toml).unwrap();
        fs::write(folder.path().join("test.cfg"), "[vault]\n").unwrap();
        Settings::new(folder.path(), common, &With::default(), Amount::default(), None).unwrap()
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_the_default() {
        let common = Common { timeout: Some(Duration::from_secs(5)), ..Common::default() };
        let settings = settings("timeout = '1s'\nmemory = '1GB'\nconfig = 'test.cfg'\n", &common);
        assert_eq!(
            settings.limits,
            Limits { timeout: Duration::from_secs(5), memory_bytes: 1 << 30, ..Limits::default() }
        );
        assert_eq!((settings.platform.name, settings.runs), ("9.0", 1000));
        assert_eq!(settings.configuration.as_deref(), Some("[vault]\n"));
    }

    #[test]
    fn the_repeating_command_has_the_options_that_the_user_typed_and_no_others() {
        let common = Common {
            timeout: Some(Duration::from_millis(1500)),
            platform: Platform::named("6.12"),
            confined: Confined {
                allow_network: vec![Opening::All, Opening::To { host: "::1".into(), port: 8200 }],
                allow_read: vec!["/".into()],
                sandbox: Some(SandboxArgument::Require),
            },
            rule: Vec::new(),
            ..Common::default()
        };
        let again = settings("memory = '1GB'\nconfig = 'test.cfg'\n", &common).again;
        assert_eq!(
            again.options.join(" "),
            "--platform 6.12 --timeout 1500ms --allow-network all --allow-network [::1]:8200 --allow-read / --sandbox require"
        );
        assert!(again.configured, "the file's configuration counts");
    }

    #[test]
    fn what_the_command_line_allows_replaces_what_the_file_allows() {
        let toml = "allow-network = true\nallow-read = ['test.cfg']\nsandbox = 'off'\n";
        let file = settings(toml, &Common::default());
        assert_eq!((&file.network, file.wish, file.sandbox.is_off), (&Network::Open, SandboxMode::Off, true));
        assert!(file.sandbox.readable[0].is_absolute() && file.sandbox.readable[0].ends_with("test.cfg"));
        assert!(
            file.unconfined_by.is_some_and(|by| by.ends_with("/hookstorm.toml`")),
            "its author switched it off, not the user"
        );
        let confined = Confined {
            allow_network: vec![Opening::To { host: "127.0.0.1".into(), port: 1 }],
            sandbox: Some(SandboxArgument::Require),
            ..Confined::default()
        };
        let both = settings(toml, &Common { confined, ..Common::default() });
        assert_eq!(both.network.destinations().len(), 1);
        assert_eq!((both.wish, both.sandbox.is_off, both.unconfined_by), (SandboxMode::Require, false, None));
    }

    #[test]
    fn a_file_that_may_be_read_must_exist() {
        let confined = Confined { allow_read: vec!["/nowhere/ca.pem".into()], ..Confined::default() };
        let common = Common { confined, ..Common::default() };
        let error =
            Settings::new(Path::new("x"), &common, &With::default(), Amount::default(), None).expect_err("not there");
        assert_eq!((error.status(), error.to_string().starts_with("`/nowhere/ca.pem` cannot be read: ")), (2, true));
    }

    #[test]
    fn a_bucket_is_copied_into_a_permanent_folder() {
        let common = Common { corpus: CorpusLocation::parse("s3://nights/vault").ok(), ..Common::default() };
        let cached = settings("corpus-cache = 'copy'\n", &common);
        assert!(cached.corpus.ends_with("copy") && cached.bucket.is_some());
        assert_eq!(settings("", &Common::default()).bucket, None);
        let caches = |known: &'static [(&str, &str)]| {
            caches(|name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
        };
        assert_eq!(caches(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Path::new("/x"));
        assert_eq!(caches(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")]), Path::new("/h/.cache"));
        assert_eq!(caches(&[]), std::env::temp_dir());
    }

    #[test]
    fn a_second_configuration_needs_a_second_plugin() {
        let with = With { with: None, with_config: Some("aa.cfg".into()) };
        let error =
            Settings::new(Path::new("x"), &Common::default(), &with, Amount::default(), None).expect_err("no plugin");
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("there is none"), "{error}");
    }
}
