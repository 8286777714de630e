//! `hookstorm check`: the rules of package and loading. It calls no hook.

use clap::Args;

use super::{
    arguments::{Color, Common, Known, Plugin, With},
    console::Console,
    error::CliError,
    prepare::prepare,
    settings::{Amount, Settings},
};
use crate::engine::Summary;

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    plugin: Plugin,
    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &CheckArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    let plugin = &arguments.plugin.plugin;
    let settings = Settings::new(plugin, &arguments.common, &With::default(), Amount::default(), color)?
        .with_baseline(&arguments.known)?;
    let console = Console { color: settings.color, ..console };
    let mut prepared = prepare("check", settings, None, None, console)?;
    let report = prepared.report(Summary::default());
    prepared.print(&report, console)
}
