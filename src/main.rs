//! The program. It serves as the guardian of a worker if the host started it for that, otherwise as the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    hookstorm::runtime::guardian_main().unwrap_or_else(hookstorm::cli::main)
}
