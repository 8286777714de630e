//! The options of the sandbox.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, ValueHint};

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
