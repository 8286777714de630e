//! `hookstorm test`: runs generated sessions, seeded and in parallel; shrinks, keeps and reports those that fail.

use std::time::Duration;

use clap::Args;

use super::{
    arguments::{AMOUNT, CASES, Color, Common, Known, LIMITS, Plugin, With},
    console::Console,
    error::CliError,
    opened_plugin::OpenedPlugin,
    settings::{Settings, time},
    values,
};
use crate::api::{self, Partition, TestOptions, random_seed};

#[derive(Debug, Args)]
pub(super) struct TestArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Number of sessions [default: 1000]
    #[arg(
        short = 'n', long, value_name = "N", value_parser = values::runs, allow_negative_numbers = true,
        help_heading = AMOUNT
    )]
    runs: Option<u64>,

    /// Seed: the same seed and number of sessions give the same sessions and findings [default: random, printed]
    #[arg(long, value_name = "S", value_parser = values::seed, allow_negative_numbers = true, help_heading = AMOUNT)]
    seed: Option<u64>,

    /// Run only this part of the sessions, to divide a run among machines; give all of them the same seed [default:
    /// 1/1]
    #[arg(long, value_name = "K/N", requires = "seed", help_heading = AMOUNT)]
    partition: Option<Partition>,

    /// Most time to confirm and shrink one finding, `30s`, `5m` [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = values::span, help_heading = LIMITS)]
    max_time_per_finding: Option<Duration>,

    /// Also run sessions that begin with a cookie which the plugin never returned, as after an upgrade of the plugin in
    /// the middle of a session; such findings are warnings
    #[arg(long, help_heading = CASES)]
    foreign_cookies: bool,

    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    with: With,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &TestArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    let mut settings = Settings::new(&arguments.plugin.plugin, &arguments.common, &arguments.with, color)?
        .with_baseline(&arguments.known)?;
    settings.repeat("--runs", arguments.runs);
    settings.repeat("--max-time-per-finding", arguments.max_time_per_finding.map(time));
    settings.repeat_flag("--foreign-cookies", arguments.foreign_cookies);
    let defaults = TestOptions::new();
    let options = TestOptions {
        runs: arguments.runs.or(settings.runs).unwrap_or(defaults.runs),
        seed: arguments.seed.or(settings.seed).or_else(|| Some(random_seed())),
        partition: arguments.partition,
        max_time_per_finding: arguments.max_time_per_finding.unwrap_or(defaults.max_time_per_finding),
        foreign_cookies: arguments.foreign_cookies,
    };
    let opened = OpenedPlugin::open("test", settings, options.seed, console)?;
    let observer = opened.observer();
    let ended = api::test(&opened.plugin, &options, &opened.stop(), &|event| observer.listen(&event));
    drop(observer);
    opened.finish(ended)
}
