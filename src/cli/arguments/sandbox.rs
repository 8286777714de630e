//! The options of the sandbox.

use std::path::PathBuf;

use clap::{
    ArgAction, Args, ValueEnum, ValueHint,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::PLUGIN;
use crate::{api::AllowedDestination, report::SandboxMode};

/// What the plugin may reach and read.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Confined {
    /// Let the plugin reach this destination, `vault.example.com:8200` or `[::1]:8200`, or `all`; may be repeated.
    /// Names are looked up when the run begins [default: no destination, not even loopback]
    #[arg(long, value_name = "HOST:PORT|all", action = ArgAction::Append, help_heading = PLUGIN)]
    pub(in crate::cli) allow_network: Vec<AllowedDestination>,

    /// Let the plugin read this file or folder; may be repeated [default: what Python and its package need]
    #[arg(
        long, value_name = "PATH", value_hint = ValueHint::AnyPath, action = ArgAction::Append, help_heading = PLUGIN
    )]
    pub(in crate::cli) allow_read: Vec<PathBuf>,

    /// If this machine lacks a part of the sandbox, `on` warns and continues, `require` stops; `off` lets the plugin do
    /// whatever you may do [default: on]
    #[arg(long, value_enum, value_name = "on|require|off", hide_possible_values = true, help_heading = PLUGIN)]
    pub(in crate::cli) sandbox: Option<SandboxArgument>,
}

/// The values of `--sandbox`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SandboxArgument {
    /// As much of it as this machine has
    On,
    /// All of it, or nothing is run
    Require,
    /// None of it
    Off,
}

impl From<SandboxArgument> for SandboxMode {
    fn from(mode: SandboxArgument) -> Self {
        match mode {
            SandboxArgument::On => Self::On,
            SandboxArgument::Require => Self::Require,
            SandboxArgument::Off => Self::Off,
        }
    }
}

/// Adds a tip for users who write `--allow-network` without a value: an earlier version took none.
pub(in crate::cli) fn explained(mut error: clap::Error) -> clap::Error {
    let text = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let is_about_network = text(&error, ContextKind::InvalidArg).starts_with("--allow-network");
    let has_no_value = match error.kind() {
        ErrorKind::InvalidValue => true,
        // The next argument was taken for the value.
        ErrorKind::ValueValidation => !text(&error, ContextKind::InvalidValue).contains(':'),
        _ => false,
    };
    if is_about_network && has_no_value {
        let tip = "`--allow-network` needs a value: `vault.example.com:8200`, `[::1]:8200`, or `all`, which is what it meant \
                   without a value in earlier versions";
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}
