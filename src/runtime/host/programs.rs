//! The programs that a worker consists of: where they are, and which Python the worker embeds.

use std::path::{Path, PathBuf};

use super::RuntimeError;
use crate::runtime::{guardian, protocol::interpreter::Interpreter};

/// The worker's program: what `HOOKSTORM_WORKER` names, otherwise the one beside this program.
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

/// The program that becomes the guardian of `worker`: this one if it can, otherwise the `hookstorm` beside the worker.
pub(super) fn guardian(worker: &Path) -> Result<PathBuf, RuntimeError> {
    if guardian::is_this_program() {
        // By this name the kernel executes the file that runs now, even if another one has its path by now.
        return Ok("/proc/self/exe".into());
    }
    let beside = worker.with_file_name("hookstorm");
    if beside.is_file() { Ok(beside) } else { Err(RuntimeError::NoGuardian(worker.to_owned())) }
}

/// The Python that a worker's program embeds, read from its file: it is known even if the program cannot start.
pub(crate) fn built_against(program: &Path) -> Option<Interpreter> {
    Interpreter::find(&std::fs::read(program).ok()?)
}
