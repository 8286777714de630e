//! Merges the command line with hookstorm.toml: the command line comes first, then the file, then the default.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;

use super::{
    arguments::{Color, Common, Known, SandboxArgument, With},
    error::CliError,
    file_settings::{self, FileSettings, LoadTable},
};
use crate::{
    api::{PluginOptions, read_text},
    contract::Platform,
    finding::Rule,
    report::{Baseline, Format, Rerun},
};

/// The settings of a command.
#[derive(Debug)]
pub(super) struct Settings {
    /// The plugin as the user typed it.
    pub(super) plugin: PathBuf,
    /// How to run it.
    pub(super) options: PluginOptions,
    /// The options that the command that repeats the run needs.
    pub(super) rerun: Rerun,
    pub(super) format: Format,
    pub(super) color: Color,
    /// The number of sessions of `test`, and the seed, that hookstorm.toml sets.
    pub(super) runs: Option<u64>,
    pub(super) seed: Option<u64>,
    /// The table `[load]` of hookstorm.toml.
    pub(super) load: LoadTable,
    /// The file of the known findings.
    pub(super) baseline_file: Option<PathBuf>,
}

impl Settings {
    /// Merges the command line with the file beside the plugin's MANIFEST. Reads the configuration texts.
    pub(super) fn new(plugin: &Path, common: &Common, with: &With, color: Option<Color>) -> Result<Self, CliError> {
        let file = FileSettings::read(plugin)?;
        let defaults = PluginOptions::new();
        let mut levels = file.rules;
        for text in &common.rule {
            levels.set(text).map_err(|error| CliError::usage(format!("`--rule {text}`: {error}"), error.hint()))?;
        }
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
        let confined = &common.confined;
        let sandbox_off_by = match (confined.sandbox, file.sandbox) {
            (Some(SandboxArgument::Off), _) => Some("`--sandbox off`".to_owned()),
            (None, Some(SandboxArgument::Off)) => Some(format!("`{}`", plugin.join(file_settings::NAME).display())),
            _ => None,
        };
        let rerun = rerun(common, with, config.is_some());
        let read = |path: Option<PathBuf>| path.map(|path| read_text(&path, true)).transpose();
        let mut options = PluginOptions {
            platform: common.platform.or(file.platform).unwrap_or(defaults.platform),
            configuration: read(config)?,
            venv: venv(common.venv.clone().or(file.venv))?,
            jobs: common.jobs.or(file.jobs).unwrap_or(defaults.jobs),
            allowed_network: given(&confined.allow_network, &file.allow_network),
            readable: given(&confined.allow_read, &file.allow_read),
            sandbox: confined.sandbox.or(file.sandbox).map_or(defaults.sandbox, Into::into),
            sandbox_off_by,
            levels,
            corpus: common.corpus.clone().or(file.corpus).unwrap_or(defaults.corpus),
            corpus_cache: common.sharing.corpus_cache.clone().or(file.corpus_cache),
            sync_every: common.sharing.sync_every.or(file.sync_every).unwrap_or(defaults.sync_every),
            other: match other {
                Some(path) => Some((path, read(with_config)?)),
                None => None,
            },
            ..PluginOptions::new()
        };
        options.limits.timeout = common.timeout.or(file.timeout).unwrap_or(options.limits.timeout);
        options.limits.memory_bytes = common.memory.or(file.memory).unwrap_or(options.limits.memory_bytes);
        Ok(Self {
            plugin: plugin.to_owned(),
            options,
            rerun,
            format: common.format.or(file.format).unwrap_or_default(),
            color: color.or(file.color).unwrap_or_default(),
            runs: file.runs,
            seed: file.seed,
            load: file.load,
            baseline_file: file.baseline,
        })
    }

    /// Adds an option of this command to the command that repeats the run, if the user set it.
    pub(super) fn repeat(&mut self, name: &str, value: Option<impl ToString>) {
        self.rerun.own.extend(value.into_iter().flat_map(|value| [name.to_owned(), value.to_string()]));
    }

    /// The same for an option without a value.
    pub(super) fn repeat_flag(&mut self, name: &str, is_given: bool) {
        self.rerun.own.extend(is_given.then(|| name.to_owned()));
    }

    /// Reads the known findings.
    pub(super) fn with_baseline(mut self, known: &Known) -> Result<Self, CliError> {
        self.rerun.baseline = known.baseline.as_ref().map(|path| path.to_string_lossy().into_owned());
        self.baseline_file = known.baseline.clone().or(self.baseline_file);
        if let Some(path) = &self.baseline_file {
            self.options.baseline = Baseline::parse(&read_text(path, false)?).map_err(|error| {
                CliError::usage(
                    format!("`{}` is not a baseline: {error}", path.display()),
                    "use a report of `--format json`, or a text file with one fingerprint on each line",
                )
            })?;
        }
        Ok(self)
    }

    /// Without the second plugin that hookstorm.toml may name for `test`: `command` runs one plugin.
    pub(super) fn without_second_plugin(mut self, command: &str) -> Self {
        if self.options.other.take().is_some() {
            let note =
                format!("the second plugin that `hookstorm.toml` names takes no part: `{command}` runs one plugin");
            self.options.notes.push(note);
        }
        self
    }
}

/// The virtual environment: `set`, or the one that is active.
///
/// # Errors
/// If it is not a folder.
pub(super) fn venv(set: Option<PathBuf>) -> Result<Option<PathBuf>, CliError> {
    let active = || std::env::var_os("VIRTUAL_ENV").filter(|value| !value.is_empty()).map(PathBuf::from);
    let venv = set.or_else(active);
    match venv.as_deref().filter(|venv| !venv.is_dir()) {
        None => Ok(venv),
        Some(venv) => Err(CliError::usage(
            format!("`{}` is not a virtual environment: no such folder", venv.display()),
            "make one with `python3 -m venv DIR`, or omit `--venv` and unset VIRTUAL_ENV",
        )),
    }
}

/// The values of the command line or, if it has none, those of the file.
fn given<T: Clone>(common: &[T], file: &[T]) -> Vec<T> {
    if common.is_empty() { file.to_vec() } else { common.to_vec() }
}

/// The options that a command must repeat to show the same: those that the user typed. hookstorm.toml is read again.
fn rerun(common: &Common, with: &With, configured: bool) -> Rerun {
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
    use crate::{api::AllowedDestination, cli::arguments::Confined, report::SandboxMode};

    fn settings(toml: &str, common: &Common) -> Settings {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hookstorm.toml"), toml).unwrap();
        fs::write(folder.path().join("test.cfg"), "[vault]\n").unwrap();
        Settings::new(folder.path(), common, &With::default(), None).unwrap()
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_the_default() {
        let common = Common { timeout: Some(Duration::from_secs(5)), ..Common::default() };
        let options = settings("timeout = '1s'\nmemory = '1GB'\nconfig = 'test.cfg'\n", &common).options;
        assert_eq!((options.limits.timeout, options.limits.memory_bytes), (Duration::from_secs(5), 1 << 30));
        assert_eq!((options.platform.name, options.jobs), ("9.0", PluginOptions::new().jobs));
        assert_eq!(options.configuration.as_deref(), Some("[vault]\n"));
    }

    #[test]
    fn the_repeating_command_has_the_options_that_the_user_typed_and_no_others() {
        let common = Common {
            timeout: Some(Duration::from_millis(1500)),
            platform: Platform::named("6.12"),
            confined: Confined {
                allow_network: ["all", "[::1]:8200"].map(|text| text.parse().unwrap()).to_vec(),
                allow_read: vec!["/".into()],
                sandbox: Some(SandboxArgument::Require),
            },
            rule: Vec::new(),
            ..Common::default()
        };
        let rerun = settings("memory = '1GB'\nconfig = 'test.cfg'\n", &common).rerun;
        assert_eq!(
            rerun.options.join(" "),
            "--platform 6.12 --timeout 1500ms --allow-network all --allow-network [::1]:8200 --allow-read / --sandbox require"
        );
        assert!(rerun.configured, "the file's configuration counts");
    }

    #[test]
    fn what_the_command_line_allows_replaces_what_the_file_allows() {
        let toml = "allow-network = true\nallow-read = ['test.cfg']\nsandbox = 'off'\n";
        let file = settings(toml, &Common::default()).options;
        assert_eq!((&file.allowed_network[..], file.sandbox), (&[AllowedDestination::All][..], SandboxMode::Off));
        assert!(file.readable[0].ends_with("test.cfg"));
        assert!(
            file.sandbox_off_by.is_some_and(|by| by.ends_with("/hookstorm.toml`")),
            "its author switched it off, not the user"
        );
        let confined = Confined {
            allow_network: vec!["127.0.0.1:1".parse().unwrap()],
            sandbox: Some(SandboxArgument::Require),
            ..Confined::default()
        };
        let both = settings(toml, &Common { confined, ..Common::default() }).options;
        assert_eq!((both.allowed_network.len(), both.sandbox), (1, SandboxMode::Require));
        assert_eq!(both.sandbox_off_by, None);
    }

    #[test]
    fn a_second_configuration_needs_a_second_plugin() {
        let with = With { with: None, with_config: Some("aa.cfg".into()) };
        let error = Settings::new(Path::new("x"), &Common::default(), &with, None).expect_err("no plugin");
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("there is none"), "{error}");
    }
}
