//! What is asked of the sandbox, and of the machine that has to give it.

use std::path::PathBuf;

use clap::{
    ArgAction, Args, ValueEnum, ValueHint,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{ListFormat, OUTPUT, PLUGIN};
use crate::{
    cli::network::{Opening, opening},
    report::SandboxMode,
};

/// What holds the plugin, and what does not.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Confined {
    /// Let the plugin reach this destination, `vault.example.com:8200` or `[::1]:8200`, or `all` that the machine reaches;
    /// may be repeated. Names are looked up when the run begins [default: it reaches nothing, loopback included]
    #[arg(long, value_name = "HOST:PORT|all", value_parser = opening, action = ArgAction::Append, help_heading = PLUGIN)]
    pub(in crate::cli) allow_network: Vec<Opening>,

    /// Let the plugin read this file or folder; may be repeated [default: it reads what Python and its package need]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath, action = ArgAction::Append, help_heading = PLUGIN)]
    pub(in crate::cli) allow_read: Vec<PathBuf>,

    /// What holds the plugin: `on` goes on without what the machine withholds, and says so; `require` stops then; `off`
    /// lets it do whatever you may [default: on]
    #[arg(long, value_enum, value_name = "on|require|off", hide_possible_values = true, help_heading = PLUGIN)]
    pub(in crate::cli) sandbox: Option<SandboxArgument>,
}

impl Confined {
    /// Whether the user says anything of it.
    pub(in crate::cli) fn is_asked_for(&self) -> bool {
        !self.allow_network.is_empty() || !self.allow_read.is_empty() || self.sandbox.is_some()
    }
}

/// How the sandbox is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SandboxArgument {
    /// With what the machine gives
    On,
    /// Whole, or not at all
    Require,
    /// Nothing holds the plugin
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

#[derive(Debug, Args)]
pub(in crate::cli) struct DoctorArguments {
    /// The virtual environment that plugins may import from [default: VIRTUAL_ENV, if set]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = PLUGIN)]
    pub(in crate::cli) venv: Option<PathBuf>,

    /// How to tell it: a text, or one JSON object as `hookstorm schema doctor` describes [default: text]
    #[arg(long, value_enum, value_name = "text|json", hide_possible_values = true, help_heading = OUTPUT)]
    pub(in crate::cli) format: Option<ListFormat>,
}

/// `error` with what to do, for who writes `--allow-network` without a value, as it once was taken.
pub(in crate::cli) fn explained(mut error: clap::Error) -> clap::Error {
    let says = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let is_about_network = says(&error, ContextKind::InvalidArg).starts_with("--allow-network");
    let is_bare = match error.kind() {
        ErrorKind::InvalidValue => true,
        ErrorKind::ValueValidation => !says(&error, ContextKind::InvalidValue).contains(':'),
        _ => false,
    };
    if is_about_network && is_bare {
        let tip = "`--allow-network` takes a value: `vault.example.com:8200`, `[::1]:8200`, or `all`, which is what it opened \
                   when it took none";
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}
