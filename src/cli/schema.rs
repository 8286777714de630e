//! `hookstorm schema case|report|ndjson|doctor`: the JSON Schema of what we read and write.

use super::{
    arguments::{SchemaArguments, What},
    console::Console,
    error::{CliError, status},
};
use crate::report::schema;

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
