//! Tips for users who write options as an earlier version took them.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Options of `fuzz` that moved to `selftest`.
const MOVED_TO_SELFTEST: [&str; 3] = ["--target", "--skip", "--again"];

/// Adds a tip to `error` if an earlier version took the arguments.
pub(in crate::cli) fn explained(mut error: clap::Error) -> clap::Error {
    if let Some(tip) = tip(&error) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

fn tip(error: &clap::Error) -> Option<&'static str> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let argument = text(ContextKind::InvalidArg);
    let is_about_network = argument.starts_with("--allow-network");
    match error.kind() {
        // The next argument was taken for the value.
        ErrorKind::ValueValidation if text(ContextKind::InvalidValue).contains(':') => None,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if is_about_network => Some(
            "`--allow-network` needs a value: `vault.example.com:8200`, `[::1]:8200`, or `all`, which is what it meant \
             without a value in earlier versions",
        ),
        ErrorKind::UnknownArgument if MOVED_TO_SELFTEST.contains(&argument) => Some(
            "`--target`, `--skip` and `--again` of `fuzz` in earlier versions are now a command: `hookstorm selftest \
             [manifest|package]`",
        ),
        _ => None,
    }
}
