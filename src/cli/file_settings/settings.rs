//! Reads `hookstorm.toml`.
//!
//! A key or a value that hookstorm does not know is an error with its line: a setting without effect would mislead its
//! author.
//!
//! ```toml
//! platform = "9.0"
//! timeout = "2s"
//! config = "test.cfg"     # a path is relative to this file
//! runs = 5000
//!
//! [rules]
//! lossy-json = "error"
//!
//! [load]
//! rate = "20/s"
//! objectives = ["p99=500ms", "errors=0.1%"]
//! ```
//!
//! Only a plugin's folder has settings, an archive has none: the author of a `.zip` must not open the network of its
//! tester.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    load::LoadTable,
    reader::{TomlFile, one_of},
};
use crate::{
    api::{self, AllowedDestination, read_text},
    cli::{
        arguments::{Color, SandboxArgument},
        error::CliError,
        values,
    },
    contract::{Platform, nearest_word},
    corpus::remote,
    finding::RuleLevels,
    report::Format,
};

/// The file's name.
pub(in crate::cli) const NAME: &str = "hookstorm.toml";

/// The keys of the file.
pub(in crate::cli) const KEYS: [&str; 21] = [
    "allow-network",
    "allow-read",
    "baseline",
    "color",
    "config",
    "corpus",
    "corpus-cache",
    "format",
    "jobs",
    "load",
    "memory",
    "platform",
    "rules",
    "runs",
    "sandbox",
    "seed",
    "sync-every",
    "timeout",
    "venv",
    "with",
    "with-config",
];

/// The settings in the file; `None` or empty where it sets nothing.
#[derive(Debug, Default)]
pub(in crate::cli) struct FileSettings {
    pub(in crate::cli) platform: Option<&'static Platform>,
    pub(in crate::cli) timeout: Option<Duration>,
    pub(in crate::cli) memory: Option<u64>,
    pub(in crate::cli) jobs: Option<usize>,
    pub(in crate::cli) config: Option<PathBuf>,
    pub(in crate::cli) venv: Option<PathBuf>,
    pub(in crate::cli) corpus: Option<remote::CorpusLocation>,
    pub(in crate::cli) corpus_cache: Option<PathBuf>,
    pub(in crate::cli) sync_every: Option<Duration>,
    pub(in crate::cli) baseline: Option<PathBuf>,
    pub(in crate::cli) format: Option<Format>,
    pub(in crate::cli) color: Option<Color>,
    pub(in crate::cli) rules: RuleLevels,
    pub(in crate::cli) allow_network: Vec<AllowedDestination>,
    pub(in crate::cli) allow_read: Vec<PathBuf>,
    pub(in crate::cli) sandbox: Option<SandboxArgument>,
    pub(in crate::cli) with: Option<PathBuf>,
    pub(in crate::cli) with_config: Option<PathBuf>,
    pub(in crate::cli) runs: Option<u64>,
    pub(in crate::cli) seed: Option<u64>,
    pub(in crate::cli) load: LoadTable,
}

impl FileSettings {
    /// The settings in `folder`; the default if `folder` has no such file or is not a folder.
    pub(in crate::cli) fn read(folder: &Path) -> Result<Self, CliError> {
        let path = folder.join(NAME);
        match read_text(&path, false) {
            _ if !folder.is_dir() => Ok(Self::default()),
            Ok(text) => Self::parse(&path, &text),
            Err(api::Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, CliError> {
        let file = TomlFile { path, text };
        let table = DeTable::parse(text).map_err(|error| {
            let message = error.message().lines().collect::<Vec<_>>().join("; ");
            let hint = match message.contains("duplicate") {
                true => "remove one of them",
                false => "write a setting as `key = value`, and text in quotes: `timeout = \"2s\"`",
            };
            file.error(error.span().unwrap_or_default(), message, Some(hint.to_owned()))
        })?;
        let mut settings = Self::default();
        for (key, value) in table.get_ref() {
            settings.take(&file, key.get_ref(), &key.span(), value)?;
        }
        Ok(settings)
    }

    fn take(
        &mut self,
        file: &TomlFile<'_>,
        key: &str,
        at: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), CliError> {
        match key {
            "platform" => self.platform = Some(file.read(key, value, values::platform)?),
            "timeout" => self.timeout = Some(file.read(key, value, values::duration)?),
            "memory" => self.memory = Some(file.read(key, value, values::memory)?),
            "jobs" => self.jobs = Some(file.number(key, value, values::jobs)?),
            "runs" => self.runs = Some(file.number(key, value, values::runs)?),
            "seed" => self.seed = Some(file.number(key, value, values::seed)?),
            "config" => self.config = Some(file.path(key, value)?),
            "venv" => self.venv = Some(file.path(key, value)?),
            "corpus" => {
                // A folder is relative to the file, a bucket is not.
                self.corpus = Some(match file.read(key, value, values::corpus)? {
                    remote::CorpusLocation::Folder(_) => remote::CorpusLocation::Folder(file.path(key, value)?),
                    bucket => bucket,
                });
            }
            "corpus-cache" => self.corpus_cache = Some(file.path(key, value)?),
            "sync-every" => self.sync_every = Some(file.read(key, value, values::duration)?),
            "baseline" => self.baseline = Some(file.path(key, value)?),
            "with" => self.with = Some(file.path(key, value)?),
            "with-config" => self.with_config = Some(file.path(key, value)?),
            "format" => self.format = Some(file.read(key, value, one_of)?),
            "color" => self.color = Some(file.read(key, value, one_of)?),
            "allow-network" => {
                self.allow_network = match value.get_ref().as_bool() {
                    Some(true) => vec![AllowedDestination::All],
                    Some(false) => Vec::new(),
                    None if value.get_ref().is_str() => vec![file.read(key, value, str::parse)?],
                    None => file.list(key, value, "`true`, `false`, `\"HOST:PORT\"` or a list of those", |one| {
                        file.read(key, one, str::parse)
                    })?,
                };
            }
            "allow-read" => {
                self.allow_read = file.list(key, value, "a list of paths", |one| file.path(key, one))?;
            }
            "sandbox" => self.sandbox = Some(file.read(key, value, one_of)?),
            "rules" => {
                let rules = value.get_ref().as_table();
                for (id, level) in rules.ok_or_else(|| file.wrong_kind(key, value, "a table of levels"))? {
                    let word = level.get_ref().as_str();
                    let word = word.ok_or_else(|| {
                        file.wrong_kind(id.get_ref(), level, "`\"error\"`, `\"warning\"` or `\"off\"`")
                    })?;
                    self.rules
                        .set(&format!("{}={word}", id.get_ref()))
                        .map_err(|error| file.error(id.span(), error.to_string(), Some(error.hint())))?;
                }
            }
            "load" => {
                let table = value.get_ref().as_table();
                for (name, one) in table.ok_or_else(|| file.wrong_kind(key, value, "a table of settings"))? {
                    self.load.take(file, name.get_ref(), &name.span(), one)?;
                }
            }
            _ => {
                let near = nearest_word(key, KEYS).map(|near| format!("the nearest is `{near}`; ")).unwrap_or_default();
                let hint = format!("{near}all of them: {}", KEYS.join(", "));
                return Err(file.error(at.clone(), format!("`{key}` is not a setting"), Some(hint)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<FileSettings, CliError> {
        FileSettings::parse(Path::new("vault/hookstorm.toml"), text)
    }

    fn error(text: &str) -> String {
        let text = parse(text).expect_err("it is invalid").to_text();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn all_settings_are_read_and_paths_are_relative_to_the_file() {
        let settings = parse(
            "platform = '6.12'\ntimeout = '500ms'\nmemory = '1GB'\njobs = 3\nconfig = 'test.cfg'\nvenv = '/opt/venv'\n\
             corpus = '../corpora'\nformat = 'json'\nbaseline = 'known.txt'\ncolor = 'never'\nallow-network = true\nwith = '../aa'\n\
             with-config = 'aa.cfg'\nruns = 5_000\nseed = 42\n",
        )
        .unwrap();
        assert_eq!(settings.platform.map(|platform| platform.name), Some("6.12"));
        assert_eq!(settings.timeout, Some(Duration::from_millis(500)));
        assert_eq!((settings.memory, settings.jobs), (Some(1 << 30), Some(3)));
        assert_eq!((settings.runs, settings.seed), (Some(5000), Some(42)));
        assert_eq!(settings.config.as_deref(), Some(Path::new("vault/test.cfg")));
        assert_eq!(settings.venv.as_deref(), Some(Path::new("/opt/venv")));
        assert_eq!(settings.corpus, Some(remote::CorpusLocation::Folder("vault/../corpora".into())));
        assert_eq!(settings.with.as_deref(), Some(Path::new("vault/../aa")));
        assert_eq!(settings.with_config.as_deref(), Some(Path::new("vault/aa.cfg")));
        assert_eq!((settings.format, settings.color), (Format::named("json"), Some(Color::Never)));
        assert_eq!(settings.baseline.as_deref(), Some(Path::new("vault/known.txt")));
        assert_eq!(settings.allow_network, [AllowedDestination::All]);
    }

    #[test]
    fn options_of_the_sandbox_are_read_and_a_folder_is_relative_to_the_file() {
        let opened = |text: &str| {
            let all = parse(&format!("allow-network = {text}\n")).unwrap().allow_network;
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((opened("false"), opened("true"), opened("'all'")), (String::new(), "all".into(), "all".into()));
        assert_eq!(opened("'[::1]:8200'"), "[::1]:8200");
        assert_eq!(opened("['vault.example.com:8200', '192.0.2.1:22']"), "vault.example.com:8200 192.0.2.1:22");
        let settings = parse("allow-read = ['../ca.pem', '/etc/krb5.conf']\nsandbox = 'require'\n").unwrap();
        assert_eq!(settings.allow_read, [Path::new("vault/../ca.pem"), Path::new("/etc/krb5.conf")]);
        assert_eq!(settings.sandbox, Some(SandboxArgument::Require));
    }

    #[test]
    fn a_mistake_is_reported_with_its_line_and_the_nearest_word() {
        let all = [
            "platform = '9.0'\n\ntimeoutt = '2s'\n",
            "timeout = 2\n",
            "timeout = '2'\n",
            "jobs = 0\n",
            "allow-network = 'yes'\n",
            "allow-network = 8200\n",
            "allow-network = [\n  'vault:22',\n  true,\n]\n",
            "allow-read = '/etc'\n",
            "sandbox = 'none'\n",
            "format = 'yaml'\n",
            "rules = 'off'\n",
            "platform = '9.0'\nplatform = '8.0'\n",
            "runs = \n",
            "[rules]\ntimeout = false\n",
        ];
        let messages: Vec<String> = all.iter().map(|text| error(text)).collect();
        insta::assert_snapshot!(messages.join(""), @r#"
        error: `vault/hookstorm.toml`, line 3: `timeoutt` is not a setting
          hint: the nearest is `timeout`; all of them: allow-network, allow-read, baseline, color, config, corpus, corpus-cache, format, jobs, load, memory, platform, rules, runs, sandbox, seed, sync-every, timeout, venv, with, with-config
        error: `vault/hookstorm.toml`, line 1: `timeout` must be text in quotes, and is a whole number
        error: `vault/hookstorm.toml`, line 1: `timeout`: `2` has no unit: write `500ms`, `2s` or `1m`
        error: `vault/hookstorm.toml`, line 1: `jobs`: `0` is not a number of workers: from 1 to 1024
        error: `vault/hookstorm.toml`, line 1: `allow-network`: `yes` is neither a destination nor `all`: write `vault.example.com:8200`, `[::1]:8200` or `all`
        error: `vault/hookstorm.toml`, line 1: `allow-network` must be `true`, `false`, `"HOST:PORT"` or a list of those, and is a whole number
        error: `vault/hookstorm.toml`, line 3: `allow-network` must be text in quotes, and is `true` or `false`
        error: `vault/hookstorm.toml`, line 1: `allow-read` must be a list of paths, and is text
        error: `vault/hookstorm.toml`, line 1: `sandbox`: `none` is not one of `"on"`, `"require"`, `"off"`
        error: `vault/hookstorm.toml`, line 1: `format`: `yaml` is not one of `"text"`, `"json"`, `"ndjson"`, `"sarif"`, `"junit"`, `"markdown"`, `"html"`
        error: `vault/hookstorm.toml`, line 1: `rules` must be a table of levels, and is text
        error: `vault/hookstorm.toml`, line 2: duplicate key
          hint: remove one of them
        error: `vault/hookstorm.toml`, line 1: string values must be quoted, expected literal string
          hint: write a setting as `key = value`, and text in quotes: `timeout = "2s"`
        error: `vault/hookstorm.toml`, line 2: `timeout` must be `"error"`, `"warning"` or `"off"`, and is `true` or `false`
        "#);
    }

    #[test]
    fn settings_of_load_are_read_and_mistakes_reported_with_their_line() {
        let load = parse(
            "[load]\nrate = '20/s'\narrivals = 'constant'\nduration = '1m'\nin-flight = 8\nrounds = 5\nthink-time = '1s'\n\
             objectives = ['p99=500ms', 'errors=0.1%']\n",
        );
        let load = load.unwrap().load;
        assert_eq!(load.rate.map(|rate| rate.get()), Some(20.0));
        assert_eq!((load.duration, load.think_time), (Some(Duration::from_secs(60)), Some(Duration::from_secs(1))));
        assert_eq!((load.in_flight, load.rounds, load.objectives.len()), (Some(8), Some(5), 2));
        assert!(error("[load]\n\nobjectives = ['p98=1s']\n").contains("line 3: `objectives`: `p98"));
        assert!(error("[load]\nrates = '1/s'\n").contains("`rates` is not a setting of `[load]`"));
        assert!(error("load = 3\n").contains("`load` must be a table of settings, and is a whole number"));
    }

    #[test]
    fn a_corpus_may_be_a_bucket_which_is_not_relative_to_the_file() {
        let settings = parse("corpus = 's3://nights/vault'\ncorpus-cache = 'copy'\nsync-every = '30s'\n").unwrap();
        assert_eq!(settings.corpus, Some(remote::CorpusLocation::parse("s3://nights/vault").unwrap()));
        assert_eq!(settings.corpus_cache.as_deref(), Some(Path::new("vault/copy")));
        assert_eq!(settings.sync_every, Some(Duration::from_secs(30)));
        assert!(
            error("corpus = 'ftp://nights'\n")
                .contains("line 1: `corpus`: `ftp://nights`: `ftp` is not a kind of corpus")
        );
    }

    #[test]
    fn a_plugin_without_settings_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let settings = FileSettings::read(folder.path()).unwrap();
        assert!(settings.platform.is_none() && settings.allow_network.is_empty());
        assert!(FileSettings::read(&folder.path().join("plugin.zip")).is_ok());
    }
}
