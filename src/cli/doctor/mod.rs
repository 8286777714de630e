//! `hookstorm doctor`: what this machine can do. Reads what it tells of itself ([`facts`]), starts a worker on a plugin of
//! ours, and says what is missing, what that leaves open, and how to get it ([`advice`]).

mod advice;
mod facts;

use super::{
    arguments::{DoctorArguments, ListFormat},
    console::Console,
    error::{CliError, status},
    seams,
};

pub(super) fn run(arguments: &DoctorArguments, console: Console) -> Result<u8, CliError> {
    seams::clear_stale_scratch();
    let venv = arguments.venv.clone();
    let venv = venv.or_else(|| std::env::var_os("VIRTUAL_ENV").filter(|value| !value.is_empty()).map(Into::into));
    let diagnosis = advice::diagnosis(&facts::gather(venv));
    console.out(&match arguments.format.unwrap_or_default() {
        ListFormat::Text => diagnosis.to_text(console.width()),
        ListFormat::Json => diagnosis.to_json(),
    })?;
    Ok(if diagnosis.can_run { status::NOTHING } else { status::OUR_FAILURE })
}
