//! `hookstorm fuzz`: runs sessions guided by coverage and comparisons, for a time or until the user stops it. It keeps
//! the sessions that reach new code in the corpus, and shrinks, keeps and reports those that fail.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{
    arguments::{AMOUNT, CASES, Color, Common, Known, LIMITS, Plugin, With},
    console::Console,
    error::CliError,
    opened_plugin::OpenedPlugin,
    settings::{Settings, time},
    values,
};
use crate::api::{self, FuzzOptions, random_seed};

#[derive(Debug, Args)]
pub(super) struct FuzzArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Stop after this time, `90s`, `10m`, `8h`, `1h30m`; the exit status says whether there are findings
    /// [default: none, Ctrl-C stops it]
    #[arg(long, value_name = "TIME", value_parser = values::span, help_heading = AMOUNT)]
    time: Option<Duration>,

    /// Stop after N sessions [default: none]
    #[arg(
        short = 'n', long, value_name = "N", value_parser = values::runs, allow_negative_numbers = true,
        help_heading = AMOUNT
    )]
    runs: Option<u64>,

    /// Stop when nothing is new for this time: no coverage, no outcome, no finding [default: none]
    #[arg(long, value_name = "TIME", value_parser = values::span, help_heading = AMOUNT)]
    stop_after_quiet: Option<Duration>,

    /// Seed: with `--jobs 1`, `--runs` and the same corpus it gives the same sessions and findings
    /// [default: random, printed]
    #[arg(long, value_name = "S", value_parser = values::seed, allow_negative_numbers = true, help_heading = AMOUNT)]
    seed: Option<u64>,

    /// Also set options that the package's default.cfg or default.cfg.plugin documents, in addition to the
    /// configuration
    #[arg(long, help_heading = CASES)]
    vary_config: bool,

    /// Also run sessions that begin with a cookie which the plugin never returned, as after an upgrade of the plugin in
    /// the middle of a session; such findings are warnings
    #[arg(long, help_heading = CASES)]
    foreign_cookies: bool,

    /// Refused with an explanation: `fuzz` runs one plugin [default: none]
    #[arg(long, value_name = "OTHER", hide = true)]
    with: Option<PathBuf>,

    /// Most time to confirm and shrink one finding, `30s`, `5m` [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = values::span, help_heading = LIMITS)]
    max_time_per_finding: Option<Duration>,

    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &FuzzArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    if arguments.with.is_some() {
        return Err(CliError::usage(
            "`fuzz` runs one plugin, but `--with` sets a second one",
            "`hookstorm test --with OTHER` runs sessions of two plugins",
        ));
    }
    let mut settings = Settings::new(&arguments.plugin.plugin, &arguments.common, &With::default(), color)?
        .with_baseline(&arguments.known)?
        .without_second_plugin("fuzz");
    settings.repeat("--runs", arguments.runs);
    settings.repeat("--time", arguments.time.map(time));
    settings.repeat("--stop-after-quiet", arguments.stop_after_quiet.map(time));
    settings.repeat("--max-time-per-finding", arguments.max_time_per_finding.map(time));
    settings.repeat_flag("--vary-config", arguments.vary_config);
    settings.repeat_flag("--foreign-cookies", arguments.foreign_cookies);
    let options = FuzzOptions {
        runs: arguments.runs,
        time: arguments.time,
        stop_after_quiet: arguments.stop_after_quiet,
        seed: arguments.seed.or(settings.seed).or_else(|| Some(random_seed())),
        vary_config: arguments.vary_config,
        max_time_per_finding: arguments
            .max_time_per_finding
            .unwrap_or_else(|| FuzzOptions::default().max_time_per_finding),
        foreign_cookies: arguments.foreign_cookies,
    };
    let opened = OpenedPlugin::open("fuzz", settings, options.seed, console)?;
    let observer = opened.observer();
    let ended = api::fuzz(&opened.plugin, &options, &opened.stop(), &|event| observer.listen(&event));
    drop(observer);
    opened.finish(ended)
}
