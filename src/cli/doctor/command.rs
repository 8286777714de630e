//! The command: its options, and its exit status.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{advice, facts};
use crate::{
    cli::{
        arguments::{ListFormat, OUTPUT, PLUGIN},
        console::Console,
        error::{CliError, status},
    },
    package,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct DoctorArguments {
    /// Virtual environment from which plugins may import [default: VIRTUAL_ENV, if set]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = PLUGIN)]
    venv: Option<PathBuf>,

    /// Form of the report: a text, or one JSON object (described by `hookstorm schema doctor`) [default: text]
    #[arg(long, value_enum, value_name = "text|json", hide_possible_values = true, help_heading = OUTPUT)]
    format: Option<ListFormat>,
}

pub(in crate::cli) fn run(arguments: &DoctorArguments, console: Console) -> Result<u8, CliError> {
    package::clear_stale_scratch();
    let venv = arguments.venv.clone();
    let venv = venv.or_else(|| std::env::var_os("VIRTUAL_ENV").filter(|value| !value.is_empty()).map(Into::into));
    let diagnosis = advice::diagnosis(&facts::gather(venv));
    console.out(&match arguments.format.unwrap_or_default() {
        ListFormat::Text => diagnosis.to_text(console.width()),
        ListFormat::Json => diagnosis.to_json(),
    })?;
    Ok(if diagnosis.can_run { status::NOTHING } else { status::OUR_FAILURE })
}
