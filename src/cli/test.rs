//! `hookstorm test`: generated sessions, seeded, in parallel; what breaks is shrunk, kept and told.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::{
    arguments::{Color, TestArguments},
    console::Console,
    error::CliError,
    prepare::prepare,
    seams,
    settings::{Amount, Settings},
    spend::spend,
};
use crate::report::progress::Progress;

pub(super) fn run(arguments: &TestArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    let TestArguments { runs, seed, partition, .. } = *arguments;
    let amount = Amount { runs, seed, partition };
    let mut settings = Settings::new(&arguments.plugin.plugin, &arguments.common, &arguments.with, amount, color)?
        .with_baseline(&arguments.known)?;
    settings.say_again("--runs", runs);
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

/// A seed that nobody chose, short enough to be read out and typed.
pub(super) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}
