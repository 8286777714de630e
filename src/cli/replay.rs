//! `hookstorm replay`: runs every case of a corpus again, isolated, and reports the outcome of each.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    arguments::{AMOUNT, Color, Common, Known, Plugin, With},
    console::Console,
    error::CliError,
    opened_plugin::OpenedPlugin,
    settings::Settings,
};
use crate::api::{self, Partition, ReplayOptions};

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Cases to run instead of the whole corpus
    #[arg(value_name = "CASE", value_hint = ValueHint::FilePath)]
    cases: Vec<PathBuf>,

    /// Run only this part of the cases, sorted by name, to divide a corpus among machines [default: 1/1]
    #[arg(long, value_name = "K/N", help_heading = AMOUNT)]
    partition: Option<Partition>,

    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    with: With,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &ReplayArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    let settings = Settings::new(&arguments.plugin.plugin, &arguments.common, &arguments.with, color)?
        .with_baseline(&arguments.known)?;
    let options = ReplayOptions { cases: arguments.cases.clone(), partition: arguments.partition };
    let opened = OpenedPlugin::open("replay", settings, None, console)?;
    let observer = opened.observer();
    let ended = api::replay(&opened.plugin, &options, &opened.stop(), &|event| observer.listen(&event));
    drop(observer);
    opened.finish(ended)
}
