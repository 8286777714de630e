//! Where the worker's program is, and which Python it embeds.

use std::path::{Path, PathBuf};

use super::RuntimeError;
use crate::runtime::protocol::interpreter::Interpreter;

/// The worker's program: beside this one, or where `HOOKSTORM_WORKER` says, for programs that use this library.
pub(super) fn worker() -> Result<PathBuf, RuntimeError> {
    if let Some(program) = std::env::var_os("HOOKSTORM_WORKER") {
        return Ok(program.into());
    }
    let own = std::env::current_exe().map_err(RuntimeError::Start)?;
    // Cargo puts tests and benches one folder deeper.
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("hookstorm-worker"))
        .find(|program| program.is_file())
        .ok_or(RuntimeError::NoWorker(own))
}

/// The Python in a worker's program, read from its file: known also where the program cannot start.
pub(crate) fn built_against(program: &Path) -> Option<Interpreter> {
    Interpreter::find(&std::fs::read(program).ok()?)
}
