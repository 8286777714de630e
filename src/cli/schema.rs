//! `hookstorm schema case|report|ndjson|doctor`: the JSON Schema of what we read and write.

use clap::{Args, ValueEnum};

use super::{
    console::Console,
    error::{CliError, status},
};
use crate::report::schema;

#[derive(Debug, Args)]
pub(super) struct SchemaArguments {
    /// Document to describe
    #[arg(value_name = "WHAT", value_enum)]
    what: What,
}

/// The documents that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// A case of a corpus
    Case,
    /// The report of `--format json`
    Report,
    /// A line of `--format ndjson`
    Ndjson,
    /// The output of `doctor --format json`
    Doctor,
}

pub(super) fn run(arguments: &SchemaArguments, console: Console) -> Result<u8, CliError> {
    let schema = match arguments.what {
        What::Case => schema::case(),
        What::Report => schema::report(),
        What::Ndjson => schema::ndjson(),
        What::Doctor => schema::doctor(),
    };
    console.out(&format!("{schema:#}\n"))?;
    Ok(status::NOTHING)
}
