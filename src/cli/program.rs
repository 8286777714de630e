//! The program from its arguments to its exit status.

use std::{
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process::ExitCode,
};

use clap::Parser;

use super::{
    arguments::{self, Cli, Command},
    check, completions,
    console::Console,
    doctor,
    error::{CliError, status},
    explain, fuzz, generate, init, load, minimize, replay, report, rules, run, schema, selftest, test,
};
use crate::package;

/// Runs the program on the arguments of this process, and returns its exit status.
pub fn main() -> ExitCode {
    panic::set_hook(Box::new(report_panic));
    let ended = panic::catch_unwind(AssertUnwindSafe(|| match Cli::try_parse() {
        Ok(cli) => exit_status(&cli),
        Err(error) => {
            let error = arguments::explained(error);
            // Help goes to standard output, an error to standard error; a closed pipe is no failure.
            let _ = error.print();
            if error.use_stderr() { status::WRONG_USE } else { status::NOTHING }
        }
    }));
    package::remove_scratch_folders();
    ExitCode::from(ended.unwrap_or(status::OUR_FAILURE))
}

fn exit_status(cli: &Cli) -> u8 {
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
        Command::Selftest(arguments) => selftest::run(arguments, console),
        Command::Generate(arguments) => generate::run(arguments, console),
        Command::Completions(arguments) => completions::run(arguments, console),
    }
}

/// Prints a panic as an error of ours, with its place.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let console = Console { color: arguments::Color::Auto, is_quiet: false, is_verbose: false };
    let what = panic.payload_as_str().unwrap_or("a panic without a message");
    let place = panic.location().map(|location| format!(" at {location}")).unwrap_or_default();
    console.error(&CliError::Internal(format!("{what}{place}")).to_text());
}
