//! `hookstorm completions SHELL`: a script that completes commands and options.

use clap::CommandFactory;

use super::{
    arguments::{Cli, CompletionsArguments, Shell},
    console::Console,
    error::{CliError, status},
};

pub(super) fn run(arguments: &CompletionsArguments, console: Console) -> Result<u8, CliError> {
    let shell = match arguments.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    // Written to memory first: clap_complete panics where a stream fails, and a closed pipe is no failure.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hookstorm", &mut script);
    console.out(&String::from_utf8_lossy(&script))?;
    Ok(status::NOTHING)
}
