//! `hookstorm report FILE`: a report of `--format json` in another form. Judges nothing anew: what was found is no failure
//! of this command.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    arguments::{Format, OUTPUT},
    console::Console,
    error::{CliError, status},
    files, formats,
};
use crate::report::Document;

#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// Report that `--format json` wrote, `-` for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,

    /// Form to convert it to [default: text]
    #[arg(long, value_enum, value_name = "text|json|sarif|markdown|html", hide_possible_values = true, help_heading = OUTPUT)]
    format: Option<Format>,
}

pub(super) fn run(arguments: &ReportArguments, console: Console) -> Result<u8, CliError> {
    let path = &arguments.file;
    let document = Document::parse(&files::text(path, true)?).map_err(|error| {
        CliError::usage(
            format!("`{}` is not a report: {error}", path.display()),
            "`--format json` of check, test, fuzz or replay writes one; `hookstorm schema report` describes the form",
        )
    })?;
    let format = arguments.format.unwrap_or_default();
    if format == Format::Ndjson {
        return Err(CliError::usage(
            "`report` has no `--format ndjson`: nothing happens any more",
            "`--format json` prints the report, and `text`, `sarif`, `junit`, `markdown` and `html` make something else of it",
        ));
    }
    console.out(&formats::write(format, &document, console.width(), console.is_verbose))?;
    Ok(status::NOTHING)
}
