//! The options that several commands share, and the list of commands. Each command's own options are in its own file.
//!
//! These types only read the command line: [`super::settings`] merges them with hookstorm.toml. Most options are
//! therefore optional here, and their help gives the default.

mod choices;
mod command;
mod common;
mod sandbox;
mod tips;

pub(super) use self::{
    choices::{Color, ListFormat},
    command::{Cli, Command},
    common::{AMOUNT, CASES, Common, Known, LIMITS, OUTPUT, PLUGIN, Plugin, With},
    sandbox::{Confined, SandboxArgument},
    tips::explained,
};
