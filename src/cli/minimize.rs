//! `hookstorm minimize`: shrinks one case, or removes from a corpus the cases that add nothing. It replaces a case in
//! one step, so that either the old or the new file is there.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    arguments::{CASES, Color, Common, Plugin, With},
    console::Console,
    error::CliError,
    opened_plugin::OpenedPlugin,
    settings::Settings,
};
use crate::{api, corpus::remote::CorpusLocation};

#[derive(Debug, Args)]
pub(super) struct MinimizeArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Case to shrink, a JSON file; the smaller case replaces it [default: the whole corpus]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "corpus", help_heading = CASES)]
    case: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &MinimizeArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    let read = arguments.case.as_deref().map(|path| Ok::<_, CliError>((path, api::read_case(path)?))).transpose()?;
    let mut common = arguments.common.clone();
    common.platform = common.platform.or(read.as_ref().map(|(_, case)| case.platform));
    let mut settings = Settings::new(&arguments.plugin.plugin, &common, &With::default(), color)?;
    if let (CorpusLocation::Bucket(bucket), None) = (&settings.options.corpus, &read) {
        return Err(CliError::usage(
            format!("`minimize` removes cases from a corpus, and hookstorm removes nothing from `{bucket}`"),
            format!(
                "make a copy with `hookstorm replay PLUGIN --corpus {bucket} --corpus-cache DIR`, minimize DIR, and use \
                 another prefix for the next runs"
            ),
        ));
    }
    if let Some(configuration) = read.as_ref().and_then(|(_, case)| case.configuration.clone()) {
        settings.options.configuration = Some(configuration);
    }
    let opened = OpenedPlugin::open("minimize", settings, None, console)?;
    let ended = match read {
        Some((path, case)) => api::shrink_case(&opened.plugin, path, &case, &opened.stop()),
        None => api::minimize_corpus(&opened.plugin, &opened.stop()),
    };
    opened.finish(ended)
}
