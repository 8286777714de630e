//! The command line: a file for each command. A command reads its arguments, calls the rooms that do the work, prints
//! the report, and chooses the exit status: 0 no findings, 1 findings, 2 wrong use, 3 failure of hookstorm.
//!
//! `arguments` reads the command line, `settings` merges it with hookstorm.toml (`file_settings`), `opened_plugin` is
//! the frame of every command on a plugin, `explanation` gives every error its message, hint and exit status.
#![forbid(unsafe_code)]

mod arguments;
mod console;
mod error;
mod explanation;
mod file_settings;
mod formats;
mod hook_call;
mod observer;
mod opened_plugin;
mod program;
mod settings;
mod signals;
mod values;

mod check;
mod completions;
mod doctor;
mod explain;
mod fuzz;
mod generate;
mod init;
mod load;
mod minimize;
mod replay;
mod report;
mod rules;
mod run;
mod schema;
mod selftest;
mod test;

pub use program::main;
