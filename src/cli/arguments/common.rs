//! The options that several commands take.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueHint};

use super::Confined;
use crate::{
    cli::{formats::OF_A_RUN, values},
    contract::Platform,
    corpus::remote::CorpusLocation,
    report::Format,
};

/// Headings of `--help`.
pub(in crate::cli) const PLUGIN: &str = "Plugin";
pub(in crate::cli) const LIMITS: &str = "Limits";
pub(in crate::cli) const AMOUNT: &str = "Amount";
pub(in crate::cli) const CASES: &str = "Sessions and cases";
pub(in crate::cli) const OUTPUT: &str = "Output";

/// The options of every command that runs a plugin.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Common {
    /// Version of the platform to simulate [default: the case's with `--case`, else 9.0, the newest]
    #[arg(long, value_name = "VERSION", value_parser = values::platform, help_heading = PLUGIN)]
    pub(in crate::cli) platform: Option<&'static Platform>,

    /// File with the plugin's configuration text, `-` for standard input [default: the package's default.cfg]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = PLUGIN)]
    pub(in crate::cli) config: Option<PathBuf>,

    /// Virtual environment from which the plugin may import [default: VIRTUAL_ENV, if set]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = PLUGIN)]
    pub(in crate::cli) venv: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) confined: Confined,

    /// Time limit of a call [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = LIMITS)]
    pub(in crate::cli) timeout: Option<Duration>,

    /// Memory that a call may use in addition to what the loaded plugin uses [default: 512MB]
    #[arg(long, value_name = "SIZE", value_parser = values::memory, help_heading = LIMITS)]
    pub(in crate::cli) memory: Option<u64>,

    /// Number of workers that run at once [default: the number of cores]
    #[arg(
        short, long, value_name = "N", value_parser = values::jobs, allow_negative_numbers = true, help_heading = LIMITS
    )]
    pub(in crate::cli) jobs: Option<usize>,

    /// Folder for cases, with a subfolder for each plugin; or a bucket that several hosts share: `s3://…`, `gs://…`,
    /// `az://…` [default: corpora]
    #[arg(
        long, value_name = "DIR|URL", value_parser = values::corpus, value_hint = ValueHint::DirPath,
        help_heading = CASES
    )]
    pub(in crate::cli) corpus: Option<CorpusLocation>,

    #[command(flatten)]
    pub(in crate::cli) sharing: Sharing,

    /// Set the level of a rule; may be repeated [default: the level that `hookstorm rules` lists]
    #[arg(long, value_name = "ID=error|warning|off", action = ArgAction::Append, help_heading = OUTPUT)]
    pub(in crate::cli) rule: Vec<String>,

    #[arg(
        long, value_enum, help = OF_A_RUN.text.as_str(), value_name = OF_A_RUN.names.as_str(),
        hide_possible_values = true, help_heading = OUTPUT
    )]
    pub(in crate::cli) format: Option<Format>,
}

/// How a corpus in a bucket is shared.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Sharing {
    /// Folder for the local copy of a corpus in a bucket; cases that could not be sent wait there [default: one for
    /// each bucket in XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = CASES)]
    pub(in crate::cli) corpus_cache: Option<PathBuf>,

    /// How often hookstorm exchanges cases with a bucket [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = CASES)]
    pub(in crate::cli) sync_every: Option<Duration>,
}

/// Findings that are known.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Known {
    /// File of known findings, a report of `--format json` or a list of fingerprints: only other findings fail the run.
    /// `load` also compares its figures with those of the report, and fails if they are worse by more than the noise
    /// [default: no finding is known]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = OUTPUT)]
    pub(in crate::cli) baseline: Option<PathBuf>,
}

/// The second plugin of a session.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct With {
    /// Second plugin in the same sessions, for example an AA plugin before a credential store [default: none]
    #[arg(long, value_name = "OTHER", value_hint = ValueHint::AnyPath, help_heading = PLUGIN)]
    pub(in crate::cli) with: Option<PathBuf>,

    /// File with the second plugin's configuration text [default: its package's default.cfg]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = PLUGIN)]
    pub(in crate::cli) with_config: Option<PathBuf>,
}

/// The plugin, the first argument of a command.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Plugin {
    /// The plugin: a `.zip`, or a folder that contains MANIFEST
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) plugin: PathBuf,
}
