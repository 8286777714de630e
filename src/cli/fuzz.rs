//! `hookstorm fuzz`: sessions steered by coverage, for a time or until somebody ends it; what brings something new is kept
//! in the corpus, what breaks is shrunk, kept and told.

use std::path::Path;

use super::{
    arguments::{Color, FuzzArguments, Target, With},
    console::Console,
    error::CliError,
    fuzz_target,
    prepare::prepare,
    seams,
    settings::{Amount, Settings, time},
    spend::spend,
    test::random_seed,
};
use crate::{engine::TargetKind, report::progress::Progress};

pub(super) fn run(arguments: &FuzzArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    if arguments.with.is_some() {
        return Err(CliError::usage(
            "`fuzz` runs one plugin, and `--with` names a second one",
            "`hookstorm test --with OTHER` runs sessions of two plugins",
        ));
    }
    match arguments.target.unwrap_or_default() {
        Target::Session => {}
        Target::Package => return fuzz_target::run(TargetKind::Package, arguments, color, console),
        Target::Manifest => return fuzz_target::run(TargetKind::Manifest, arguments, color, console),
    }
    if arguments.again.is_some() || arguments.skip.is_some() {
        return Err(CliError::usage(
            "`--again` and `--skip` are for `--target package` and `--target manifest`",
            "`hookstorm run PLUGIN --case FILE` shows a case again",
        ));
    }
    let Some(plugin) = &arguments.plugin else {
        return Err(CliError::usage("there is no PLUGIN to try", "`hookstorm fuzz my-plugin/`"));
    };
    session(plugin, arguments, color, console)
}

/// `--target session`.
fn session(plugin: &Path, arguments: &FuzzArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    let amount = Amount { runs: arguments.runs, seed: arguments.seed, partition: None };
    let mut settings =
        Settings::new(plugin, &arguments.common, &With::default(), amount, color)?.with_baseline(&arguments.known)?;
    settings.repeat("--runs", arguments.runs);
    settings.repeat("--time", arguments.time.map(time));
    settings.repeat("--stop-after-quiet", arguments.stop_after_quiet.map(time));
    settings.repeat_flag("--vary-config", arguments.vary_config);
    let console = Console { color: settings.color, ..console };
    let seed = settings.seed.unwrap_or_else(random_seed);
    // hookstorm.toml may name a second plugin for `test`.
    let has_other = settings.other.take().is_some();
    let mut prepared = prepare("fuzz", settings, Some(seed), None, console)?;
    if has_other {
        prepared
            .notes
            .push("the second plugin that `hookstorm.toml` names takes no part: `fuzz` runs one plugin".into());
    }
    let options = if arguments.vary_config { prepared.option_choices() } else { Vec::new() };
    if arguments.vary_config && options.is_empty() {
        prepared.notes.push("`--vary-config` varies nothing: default.cfg documents no option that is not set".into());
    }
    let job = match prepared.runnable(console)? {
        Ok(job) => job,
        Err(status) => return Ok(status),
    };
    let progress = Progress::steered(!console.is_quiet, console.has_colourful_errors(), console.width());
    spend(&mut prepared, &job, &progress, arguments.runs, console, |ways| {
        let amount = seams::FuzzAmount {
            runs: arguments.runs,
            time: arguments.time,
            quiet: arguments.stop_after_quiet,
            seed,
            options: arguments.vary_config.then_some(options),
            others: ways.others.clone(),
        };
        seams::fuzz(&job, amount, ways.stop, ways.listen)
    })
}
