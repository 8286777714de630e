//! `hookstorm check`: the rules of package and loading. It calls no hook.

use clap::Args;

use super::{
    arguments::{Color, Common, Known, Plugin, With},
    console::Console,
    error::CliError,
    opened_plugin::OpenedPlugin,
    settings::Settings,
};
use crate::api;

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
    let settings =
        Settings::new(plugin, &arguments.common, &With::default(), color)?.with_baseline(&arguments.known)?;
    let opened = OpenedPlugin::open("check", settings, None, console)?;
    opened.print(&api::check(&opened.plugin))
}
