//! What `fuzz` takes.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, ValueHint};

use super::{AMOUNT, CASES, Common, Known};
use crate::cli::values;

#[derive(Debug, Args)]
pub(in crate::cli) struct FuzzArguments {
    /// The plugin: a `.zip`, or a folder that holds MANIFEST; `--target package` and `manifest` need none
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) plugin: Option<PathBuf>,

    /// What is tried: the plugin's hooks in sessions, or hookstorm itself with generated packages or manifests
    /// [default: session]
    #[arg(long, value_enum, value_name = "session|package|manifest", hide_possible_values = true, help_heading = CASES)]
    pub(in crate::cli) target: Option<Target>,

    /// End after this time, `90s`, `10m`, `8h`, `1h30m`; that is success [default: none, Ctrl-C ends it]
    #[arg(long, value_name = "TIME", value_parser = values::span, help_heading = AMOUNT)]
    pub(in crate::cli) time: Option<Duration>,

    /// End after so many sessions [default: none]
    #[arg(short = 'n', long, value_name = "N", value_parser = values::runs, allow_negative_numbers = true, help_heading = AMOUNT)]
    pub(in crate::cli) runs: Option<u64>,

    /// End when nothing new was seen for this time: no coverage, no outcome, no finding [default: none]
    #[arg(long, value_name = "TIME", value_parser = values::span, help_heading = AMOUNT)]
    pub(in crate::cli) stop_after_quiet: Option<Duration>,

    /// The seed; with `--jobs 1`, `--runs` and the same corpus it gives the same sessions and findings
    /// [default: random, printed]
    #[arg(long, value_name = "S", value_parser = values::seed, allow_negative_numbers = true, help_heading = AMOUNT)]
    pub(in crate::cli) seed: Option<u64>,

    /// Also set options that the package's default.cfg documents, on top of the configuration in use
    #[arg(long, help_heading = CASES)]
    pub(in crate::cli) vary_config: bool,

    /// With `--target package|manifest`: pass over so many of the seed's, to see a later one at once [default: 0]
    #[arg(long, value_name = "N", help_heading = AMOUNT)]
    pub(in crate::cli) skip: Option<u64>,

    /// With `--target package|manifest`: make what the bytes in FILE give once more, and nothing else [default: none]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "target", help_heading = CASES)]
    pub(in crate::cli) again: Option<PathBuf>,

    /// Only to say that it is not taken [default: none]
    #[arg(long, value_name = "OTHER", hide = true)]
    pub(in crate::cli) with: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) known: Known,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// What is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Target {
    /// The plugin's hooks, in sessions
    #[default]
    Session,
    /// hookstorm itself, with generated packages
    Package,
    /// hookstorm's reader of MANIFEST, with generated texts
    Manifest,
}
