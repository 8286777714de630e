//! x
use super::{arguments::InitArguments, console::Console, error::CliError};
pub(super) fn run(_arguments: &InitArguments, _console: Console) -> Result<u8, CliError> {
    Ok(0)
}
