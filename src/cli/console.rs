//! The two output streams: results on standard output, everything else on standard error. A closed pipe is no error.

use std::{
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
};

use anstream::{AutoStream, ColorChoice};

use super::{arguments::Color, error::CliError};
use crate::report::{
    FormatOptions, plain,
    style::{LABEL, WARNING},
};

/// The width of a report that is not written to a terminal, in characters.
const WIDTH: usize = 100;

/// The streams, and the user's options for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Console {
    pub(super) color: Color,
    pub(super) is_quiet: bool,
    pub(super) is_verbose: bool,
}

impl Console {
    /// Writes a result.
    pub(super) fn out(&self, text: &str) -> Result<(), CliError> {
        let mut stream = AutoStream::new(io::stdout().lock(), choice(self.color));
        match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
            _ => Ok(()),
        }
    }

    /// Writes to standard error, unless `--quiet`.
    pub(super) fn aside(&self, text: &str) {
        if !self.is_quiet {
            self.error(text);
        }
    }

    /// Writes an error, even with `--quiet`. A failure of this cannot be reported, so it is ignored.
    pub(super) fn error(&self, text: &str) {
        let mut stream = AutoStream::new(io::stderr().lock(), choice(self.color));
        let _ = stream.write_all(text.as_bytes());
    }

    /// Writes a warning and its hint, even with `--quiet`.
    pub(super) fn warning(&self, text: &str, hint: Option<&str>) {
        let hint = hint.map(|hint| format!("  {LABEL}hint{LABEL:#}: {hint}\n")).unwrap_or_default();
        self.error(&format!("{WARNING}warning{WARNING:#}: {}\n{hint}", plain::harmless(text)));
    }

    /// Whether standard error shows colours.
    pub(super) fn has_colourful_errors(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => AutoStream::choice(&io::stderr()) != ColorChoice::Never,
        }
    }

    /// The width of a line of the report, in characters.
    pub(super) fn width(&self) -> usize {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return WIDTH;
        }
        let size = rustix::termios::tcgetwinsize(stdout.as_fd());
        size.map_or(WIDTH, |size| usize::from(size.ws_col)).clamp(40, 200)
    }
}

impl Console {
    /// How a report is written here. SARIF names files relative to the current folder.
    pub(super) fn format_options(&self) -> FormatOptions {
        let root = std::env::current_dir().ok();
        FormatOptions { width: self.width(), is_verbose: self.is_verbose, with_opening: false, root }
    }
}

const fn choice(color: Color) -> ColorChoice {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
}
