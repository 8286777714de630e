//! `hookstorm report FILE`: a report of `--format json` in another form. Findings in it are no failure of this command.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    arguments::OUTPUT,
    console::Console,
    error::{CliError, status},
    formats::OF_A_FILE,
};
use crate::{
    api::read_text,
    report::{Format, FormatOptions, Report},
};

#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// Report that `--format json` wrote, `-` for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,

    #[arg(
        long, value_enum, help = OF_A_FILE.text.as_str(), value_name = OF_A_FILE.names.as_str(),
        hide_possible_values = true, help_heading = OUTPUT
    )]
    format: Option<Format>,
}

pub(super) fn run(arguments: &ReportArguments, console: Console) -> Result<u8, CliError> {
    let path = &arguments.file;
    let text = read_text(path, true)?;
    let report = Report::parse(&text).map_err(|error| {
        CliError::usage(
            format!("`{}` is not a report: {error}", path.display()),
            "every command on a plugin writes one with `--format json`; `hookstorm schema report` describes it",
        )
    })?;
    let format = arguments.format.unwrap_or_default();
    if format.is_stream {
        return Err(CliError::usage(
            format!("`report` has no `--format {}`: a finished report has no events", format.name),
            format!("the forms of a finished report: {}", OF_A_FILE.names.replace('|', ", ")),
        ));
    }
    let options = FormatOptions { with_opening: true, ..console.format_options() };
    console.out(&match format.name {
        "json" => as_written(&text),
        _ => format.write(&report, &options),
    })?;
    Ok(status::NOTHING)
}

/// The text of a report, unchanged. Another program may have written fields, numbers or nesting that no value of ours
/// can express: they are kept, too.
fn as_written(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    format!("{}\n", text.trim_end())
}
