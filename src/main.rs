//! The program. What it does stands in `hookstorm::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hookstorm::cli::main()
}
