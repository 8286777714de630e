//! The command line: a file for each command. A command reads its arguments, calls the rooms that do the work, prints the
//! report, and chooses the exit status: 0 no findings, 1 findings, 2 wrong use, 3 failure of hookstorm.
//!
//! `arguments` reads the command line, `settings` merges it with hookstorm.toml (`file_settings`), `prepare` opens and loads
//! the plugin, `error` gives every error its message, hint and exit status.
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
mod program;
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
