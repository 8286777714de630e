//! Reads `hookstorm.toml`, which lies beside MANIFEST in a plugin's folder and holds what the command line may say too.
//! Every key and value that it does not know is an error with its line: a setting that is silently passed over is worse
//! than none.
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
//! An archive brings no settings of its own: who hands over a `.zip` must not open the network of who tests it.

mod load;

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
    arguments::{Color, Format, SandboxArgument},
    error::CliError,
    files,
    network::{Opening, opening},
    seams, values,
};
use crate::{contract::Platform, corpus::remote, finding::RuleLevels};

pub(super) use self::load::LoadTable;

/// The file's name.
pub(super) const NAME: &str = "hookstorm.toml";

pub(super) const KEYS: [&str; 21] = [
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

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct FileSettings {
    pub(super) platform: Option<&'static Platform>,
    pub(super) timeout: Option<Duration>,
    pub(super) memory: Option<u64>,
    pub(super) jobs: Option<usize>,
    pub(super) config: Option<PathBuf>,
    pub(super) venv: Option<PathBuf>,
    pub(super) corpus: Option<remote::Place>,
    pub(super) corpus_cache: Option<PathBuf>,
    pub(super) sync_every: Option<Duration>,
    pub(super) baseline: Option<PathBuf>,
    pub(super) format: Option<Format>,
    pub(super) color: Option<Color>,
    pub(super) rules: RuleLevels,
    pub(super) allow_network: Vec<Opening>,
    pub(super) allow_read: Vec<PathBuf>,
    pub(super) sandbox: Option<SandboxArgument>,
    pub(super) with: Option<PathBuf>,
    pub(super) with_config: Option<PathBuf>,
    pub(super) runs: Option<u64>,
    pub(super) seed: Option<u64>,
    pub(super) load: LoadTable,
}

impl FileSettings {
    /// The settings in `folder`; none where there is no such file or `folder` is none.
    pub(super) fn read(folder: &Path) -> Result<Self, CliError> {
        let path = folder.join(NAME);
        match files::text(&path, false) {
            _ if !folder.is_dir() => Ok(Self::default()),
            Ok(text) => Self::parse(&path, &text),
            Err(CliError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, CliError> {
        let place = Place { path, text };
        let table = DeTable::parse(text).map_err(|error| {
            let message = error.message().lines().collect::<Vec<_>>().join("; ");
            let hint = match message.contains("duplicate") {
                true => "take one of them out",
                false => "a setting is `key = value`, and text stands in quotes: `timeout = \"2s\"`",
            };
            place.error(error.span().unwrap_or_default(), message, Some(hint.to_owned()))
        })?;
        let mut settings = Self::default();
        for (key, value) in table.get_ref() {
            settings.take(&place, key.get_ref(), &key.span(), value)?;
        }
        Ok(settings)
    }

    fn take(
        &mut self,
        place: &Place<'_>,
        key: &str,
        at: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), CliError> {
        match key {
            "platform" => self.platform = Some(place.read(key, value, values::platform)?),
            "timeout" => self.timeout = Some(place.read(key, value, values::duration)?),
            "memory" => self.memory = Some(place.read(key, value, values::memory)?),
            "jobs" => self.jobs = Some(place.number(key, value, values::jobs)?),
            "runs" => self.runs = Some(place.number(key, value, values::runs)?),
            "seed" => {
                let seed = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a seed: from 0 on"));
                self.seed = Some(place.number(key, value, seed)?);
            }
            "config" => self.config = Some(place.path(key, value)?),
            "venv" => self.venv = Some(place.path(key, value)?),
            "corpus" => {
                // A folder is relative to the file, a bucket to nothing.
                self.corpus = Some(match place.read(key, value, values::corpus)? {
                    remote::Place::Folder(_) => remote::Place::Folder(place.path(key, value)?),
                    bucket => bucket,
                });
            }
            "corpus-cache" => self.corpus_cache = Some(place.path(key, value)?),
            "sync-every" => self.sync_every = Some(place.read(key, value, values::duration)?),
            "baseline" => self.baseline = Some(place.path(key, value)?),
            "with" => self.with = Some(place.path(key, value)?),
            "with-config" => self.with_config = Some(place.path(key, value)?),
            "format" => self.format = Some(place.read(key, value, one_of)?),
            "color" => self.color = Some(place.read(key, value, one_of)?),
            "allow-network" => {
                self.allow_network = match value.get_ref().as_bool() {
                    Some(true) => vec![Opening::All],
                    Some(false) => Vec::new(),
                    None if value.get_ref().is_str() => vec![place.read(key, value, opening)?],
                    None => place.list(key, value, "`true`, `false`, `\"HOST:PORT\"` or a list of those", |one| {
                        place.read(key, one, opening)
                    })?,
                };
            }
            "allow-read" => {
                self.allow_read = place.list(key, value, "a list of paths", |one| place.path(key, one))?;
            }
            "sandbox" => self.sandbox = Some(place.read(key, value, one_of)?),
            "rules" => {
                let rules = value.get_ref().as_table();
                for (id, level) in rules.ok_or_else(|| place.wrong_kind(key, value, "a table of levels"))? {
                    let word = level.get_ref().as_str();
                    let word = word.ok_or_else(|| {
                        place.wrong_kind(id.get_ref(), level, "`\"error\"`, `\"warning\"` or `\"off\"`")
                    })?;
                    seams::set_level(&mut self.rules, &format!("{}={word}", id.get_ref()))
                        .map_err(|(problem, hint)| place.error(id.span(), problem, Some(hint)))?;
                }
            }
            "load" => {
                let table = value.get_ref().as_table();
                for (name, one) in table.ok_or_else(|| place.wrong_kind(key, value, "a table of settings"))? {
                    self.load.take(place, name.get_ref(), &name.span(), one)?;
                }
            }
            _ => {
                let hint = format!("{}; all of them: {}", values::nearest(key, KEYS), KEYS.join(", "));
                let hint = if hint.starts_with("there are") { values::nearest(key, KEYS) } else { hint };
                return Err(place.error(at.clone(), format!("`{key}` is not a setting"), Some(hint)));
            }
        }
        Ok(())
    }
}

fn one_of<T: clap::ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let known: Vec<_> = T::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value).collect();
        let known: Vec<_> = known.iter().map(|value| format!("`\"{}\"`", value.get_name())).collect();
        format!("`{text}` is none of {}", known.join(", "))
    })
}

/// The file, to tell where something stands.
struct Place<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    fn error(&self, at: Range<usize>, problem: String, hint: Option<String>) -> CliError {
        let before = &self.text.as_bytes()[..at.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        CliError::Setting { path: self.path.to_owned(), line, problem, hint }
    }

    fn wrong_kind(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> CliError {
        let problem = format!("`{key}` is {} where {wanted} is wanted", kind(value.get_ref()));
        self.error(value.span(), problem, None)
    }

    fn read<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, CliError> {
        let text = value.get_ref().as_str().ok_or_else(|| self.wrong_kind(key, value, "text in quotes"))?;
        read(text).map_err(|problem| self.error(value.span(), format!("`{key}`: {problem}"), None))
    }

    fn number<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, CliError> {
        let number = value.get_ref().as_integer().filter(|number| number.radix() == 10);
        let number = number.ok_or_else(|| self.wrong_kind(key, value, "a whole number"))?;
        read(number.as_str()).map_err(|problem| self.error(value.span(), format!("`{key}`: {problem}"), None))
    }

    fn list<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: &str,
        read: impl Fn(&Spanned<DeValue<'_>>) -> Result<T, CliError>,
    ) -> Result<Vec<T>, CliError> {
        let list = value.get_ref().as_array().ok_or_else(|| self.wrong_kind(key, value, wanted))?;
        list.iter().map(read).collect()
    }

    /// A path, relative to the file's folder.
    fn path(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<PathBuf, CliError> {
        self.read(key, value, |text| {
            if text.is_empty() {
                return Err("is empty".to_owned());
            }
            Ok(self.path.parent().unwrap_or(Path::new("")).join(text))
        })
    }
}

/// The kind of a value in a user's words.
const fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<FileSettings, CliError> {
        FileSettings::parse(Path::new("vault/hookstorm.toml"), text)
    }

    fn error(text: &str) -> String {
        let text = parse(text).expect_err("it is wrong").to_text();
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
        assert_eq!(settings.corpus, Some(remote::Place::Folder("vault/../corpora".into())));
        assert_eq!(settings.with.as_deref(), Some(Path::new("vault/../aa")));
        assert_eq!(settings.with_config.as_deref(), Some(Path::new("vault/aa.cfg")));
        assert_eq!((settings.format, settings.color), (Some(Format::Json), Some(Color::Never)));
        assert_eq!(settings.baseline.as_deref(), Some(Path::new("vault/known.txt")));
        assert_eq!(settings.allow_network, [Opening::All]);
    }

    #[test]
    fn what_holds_the_plugin_is_read_and_a_folder_is_relative_to_the_file() {
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
    fn what_is_wrong_is_told_with_its_line_and_what_was_meant() {
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
        let told: Vec<String> = all.iter().map(|text| error(text)).collect();
        insta::assert_snapshot!(told.join(""), @r#"
        error: `vault/hookstorm.toml`, line 3: `timeoutt` is not a setting
          hint: the nearest is `timeout`; all of them: allow-network, allow-read, baseline, color, config, corpus, corpus-cache, format, jobs, load, memory, platform, rules, runs, sandbox, seed, sync-every, timeout, venv, with, with-config
        error: `vault/hookstorm.toml`, line 1: `timeout` is a whole number where text in quotes is wanted
        error: `vault/hookstorm.toml`, line 1: `timeout`: `2` has no unit: write `500ms`, `2s` or `1m`
        error: `vault/hookstorm.toml`, line 1: `jobs`: `0` is not a number of workers: from 1 to 1024
        error: `vault/hookstorm.toml`, line 1: `allow-network`: `yes` is neither a destination nor `all`: write `vault.example.com:8200`, `[::1]:8200` or `all`
        error: `vault/hookstorm.toml`, line 1: `allow-network` is a whole number where `true`, `false`, `"HOST:PORT"` or a list of those is wanted
        error: `vault/hookstorm.toml`, line 3: `allow-network` is `true` or `false` where text in quotes is wanted
        error: `vault/hookstorm.toml`, line 1: `allow-read` is text where a list of paths is wanted
        error: `vault/hookstorm.toml`, line 1: `sandbox`: `none` is none of `"on"`, `"require"`, `"off"`
        error: `vault/hookstorm.toml`, line 1: `format`: `yaml` is none of `"text"`, `"json"`, `"ndjson"`, `"sarif"`, `"junit"`, `"markdown"`, `"html"`
        error: `vault/hookstorm.toml`, line 1: `rules` is text where a table of levels is wanted
        error: `vault/hookstorm.toml`, line 2: duplicate key
          hint: take one of them out
        error: `vault/hookstorm.toml`, line 1: string values must be quoted, expected literal string
          hint: a setting is `key = value`, and text stands in quotes: `timeout = "2s"`
        error: `vault/hookstorm.toml`, line 2: `timeout` is `true` or `false` where `"error"`, `"warning"` or `"off"` is wanted
        "#);
    }

    #[test]
    fn what_is_asked_under_load_is_read_and_told_with_its_line_where_it_is_wrong() {
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
        assert!(error("load = 3\n").contains("`load` is a whole number where a table of settings is wanted"));
    }

    #[test]
    fn a_corpus_may_be_a_bucket_which_is_relative_to_nothing() {
        let settings = parse("corpus = 's3://nights/vault'\ncorpus-cache = 'copy'\nsync-every = '30s'\n").unwrap();
        assert_eq!(settings.corpus, Some(remote::Place::parse("s3://nights/vault").unwrap()));
        assert_eq!(settings.corpus_cache.as_deref(), Some(Path::new("vault/copy")));
        assert_eq!(settings.sync_every, Some(Duration::from_secs(30)));
        assert!(
            error("corpus = 'ftp://nights'\n").contains("line 1: `corpus`: `ftp://nights`: `ftp` is no kind of corpus")
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
