//! `hookstorm completions SHELL`: a script that completes commands and options.

use clap::{Args, CommandFactory, ValueEnum};

use super::{
    arguments::Cli,
    console::Console,
    error::{CliError, status},
};

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// Shell that runs the script
    #[arg(value_name = "bash|zsh|fish", value_enum, hide_possible_values = true)]
    shell: Shell,
}

/// The shells for which there is a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

pub(super) fn run(arguments: &CompletionsArguments, console: Console) -> Result<u8, CliError> {
    let shell = match arguments.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    // Written to memory first: clap_complete panics if writing fails, and a closed pipe is no failure.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hookstorm", &mut script);
    console.out(&String::from_utf8_lossy(&script))?;
    Ok(status::NOTHING)
}
