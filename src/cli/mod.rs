//! The command line: a file for each command. Each reads its arguments, calls a room, and chooses the exit status: 0
//! nothing found, 1 findings, 2 wrong use, 3 our own failure.
//!
//! `arguments` is what may be said, `settings` what is meant, `prepare` what all commands on a plugin do first,
//! `seams` where the other rooms are called, `error` what can go wrong and whose fault it is.
#![forbid(unsafe_code)]

mod arguments;
mod cases;
mod console;
mod error;
mod file_settings;
mod files;
mod formats;
mod network;
mod prepare;
mod seams;
mod settings;
mod sharing;
mod signals;
mod spend;
mod values;

mod check;
mod completions;
mod doctor;
mod explain;
mod fuzz;
mod fuzz_target;
mod init;
mod load;
mod minimize;
mod replay;
mod report;
mod rules;
mod run;
mod schema;
mod test;

use std::{
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process::ExitCode,
};

use clap::Parser;

use arguments::{Cli, Command};
use console::Console;
use error::{CliError, status};

/// Runs the command line of this process, and gives its exit status.
pub fn main() -> ExitCode {
    panic::set_hook(Box::new(tell_panic));
    let ended = panic::catch_unwind(AssertUnwindSafe(|| match Cli::try_parse() {
        Ok(cli) => run(&cli),
        Err(error) => {
            let error = arguments::explained(error);
            // Help goes to standard output, errors to the other one; either may have no reader any more.
            let _ = error.print();
            if error.use_stderr() { status::WRONG_USE } else { status::NOTHING }
        }
    }));
    seams::remove_scratch_folders();
    ExitCode::from(ended.unwrap_or(status::OUR_FAILURE))
}

fn run(cli: &Cli) -> u8 {
    let console = Console { color: cli.color.unwrap_or_default(), is_quiet: cli.quiet, is_verbose: cli.verbose };
    let ended = dispatch(cli, console);
    ended.unwrap_or_else(|error| {
        console.error(&error.to_text());
        error.status()
    })
}

fn dispatch(cli: &Cli, console: Console) -> Result<u8, CliError> {
    match &cli.command {
        Command::Check(arguments) => check::run(arguments, cli.color, console),
        Command::Run(arguments) => run::run(arguments, cli.color, console),
        Command::Test(arguments) => test::run(arguments, cli.color, console),
        Command::Fuzz(arguments) => fuzz::run(arguments, cli.color, console),
        Command::Load(arguments) => load::run(arguments, cli.color, console),
        Command::Replay(arguments) => replay::run(arguments, cli.color, console),
        Command::Minimize(arguments) => minimize::run(arguments, cli.color, console),
        Command::Rules(arguments) => rules::run(arguments, console),
        Command::Explain(arguments) => explain::run(arguments, console),
        Command::Report(arguments) => report::run(arguments, console),
        Command::Init(arguments) => init::run(arguments, console),
        Command::Doctor(arguments) => doctor::run(arguments, console),
        Command::Schema(arguments) => schema::run(arguments, console),
        Command::Completions(arguments) => completions::run(arguments, console),
    }
}

/// Tells a panic as an error of ours, with what a report of it needs.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let console = Console { color: arguments::Color::Auto, is_quiet: false, is_verbose: false };
    let what = panic.payload_as_str().unwrap_or("a panic without words");
    let place = panic.location().map(|location| format!(" at {location}")).unwrap_or_default();
    console.error(&CliError::Internal(format!("{what}{place}")).to_text());
}
