//! `hookstorm test`: runs generated sessions, seeded and in parallel; shrinks, keeps and reports those that fail.

use std::hash::{BuildHasher, Hasher, RandomState};

use clap::Args;

use super::{
    arguments::{AMOUNT, Color, Common, Known, Plugin, With},
    console::Console,
    error::CliError,
    prepare::prepare,
    seams,
    settings::{Amount, Settings},
    spend::spend,
    values::{self, Partition},
};
use crate::report::progress::Progress;

#[derive(Debug, Args)]
pub(super) struct TestArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Number of sessions [default: 1000]
    #[arg(short = 'n', long, value_name = "N", value_parser = values::runs, allow_negative_numbers = true, help_heading = AMOUNT)]
    runs: Option<u64>,

    /// Seed: the same seed and number of sessions give the same sessions and findings [default: random, printed]
    #[arg(long, value_name = "S", value_parser = values::seed, allow_negative_numbers = true, help_heading = AMOUNT)]
    seed: Option<u64>,

    /// Run only this part of the sessions, to divide a run among machines; give all of them the same seed [default: 1/1]
    #[arg(long, value_name = "K/N", value_parser = values::partition, requires = "seed", help_heading = AMOUNT)]
    partition: Option<Partition>,

    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    with: With,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &TestArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    let TestArguments { runs, seed, partition, .. } = *arguments;
    let amount = Amount { runs, seed, partition };
    let mut settings = Settings::new(&arguments.plugin.plugin, &arguments.common, &arguments.with, amount, color)?
        .with_baseline(&arguments.known)?;
    settings.repeat("--runs", runs);
    let console = Console { color: settings.color, ..console };
    let amount = seams::Amount {
        runs: settings.runs,
        seed: settings.seed.unwrap_or_else(random_seed),
        partition: settings.partition,
    };
    let mut prepared = prepare("test", settings, Some(amount.seed), None, console)?;
    let job = match prepared.runnable(console)? {
        Ok(job) => job,
        Err(status) => return Ok(status),
    };
    let progress = Progress::new(!console.is_quiet, console.has_colourful_errors(), console.width());
    spend(&mut prepared, &job, &progress, Some(amount.runs), console, |ways| {
        seams::property(&job, amount, ways.stop, ways.listen)
    })
}

/// A random seed of 32 bits: short enough to read out and to type.
pub(super) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}
