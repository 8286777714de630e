//! Why a command cannot do its work, with a hint and an exit status: 2 for wrong use, 3 for a failure of hookstorm. A
//! finding is not an error; it decides between 0 and 1 elsewhere.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

use crate::{case::CaseError, report::plain};

/// Exit statuses. They never change, because CI jobs depend on them.
pub(super) mod status {
    /// No findings.
    pub(in crate::cli) const NOTHING: u8 = 0;
    /// Findings.
    pub(in crate::cli) const FINDINGS: u8 = 1;
    /// Wrong use.
    pub(in crate::cli) const WRONG_USE: u8 = 2;
    /// A failure of hookstorm.
    pub(in crate::cli) const OUR_FAILURE: u8 = 3;
}

/// Why a command cannot do its work.
#[derive(Debug, Error)]
pub(super) enum CliError {
    /// A wrong value on the command line that clap cannot check.
    #[error("{problem}")]
    Usage {
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A setting in hookstorm.toml.
    #[error("`{}`, line {line}: {problem}", .path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A file that the user named cannot be read or written.
    #[error("`{}` cannot be {doing}: {}", .path.display(), reason(.source))]
    File {
        /// The file.
        path: PathBuf,
        /// `read`, `written` or `removed`.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A case that cannot be read.
    #[error("`{}` is not a case: {source}", .path.display())]
    Case {
        /// The file.
        path: PathBuf,
        /// Why.
        source: CaseError,
    },
    /// A plugin that cannot be opened at all: no such file, for instance.
    #[error("`{}`: {problem}", .path.display())]
    Plugin {
        /// As the user typed it.
        path: PathBuf,
        /// Why.
        problem: String,
        /// What to do.
        hint: Option<String>,
    },
    /// CPython cannot start because of what the user chose: a virtual environment of another version, for example.
    #[error("{problem}")]
    Python {
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Standard output cannot be written, for another reason than a closed pipe.
    #[error("standard output cannot be written: {}", reason(.0))]
    Output(io::Error),
    /// A worker could not be started, or died through no fault of the plugin or the user.
    #[error("{problem}")]
    Runtime {
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A defect of hookstorm.
    #[error("hookstorm failed: {0}")]
    Internal(String),
}

/// The system's message without its number.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

impl CliError {
    /// Wrong use of an option, with what to do about it.
    pub(super) fn usage(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { problem: problem.into(), hint: Some(hint.into()) }
    }

    /// A finding could not be saved. `problem` contains the remedy too, after a semicolon.
    pub(super) fn unwritten(problem: &str) -> Self {
        let (problem, remedy) = problem.split_once("; ").unwrap_or((problem, ""));
        let remedy = if remedy.is_empty() { "use another folder: `--corpus DIR`" } else { remedy };
        Self::Runtime {
            problem: format!(
                "{problem}; the run stopped there, and findings that are reported without a case were not saved"
            ),
            hint: Some(format!("{remedy}; the same `--seed` finds them again")),
        }
    }

    /// The exit status.
    pub(super) const fn status(&self) -> u8 {
        match self {
            Self::Usage { .. }
            | Self::Setting { .. }
            | Self::File { .. }
            | Self::Case { .. }
            | Self::Plugin { .. }
            | Self::Python { .. } => status::WRONG_USE,
            Self::Output(_) | Self::Runtime { .. } | Self::Internal(_) => status::OUR_FAILURE,
        }
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. }
            | Self::Setting { hint, .. }
            | Self::Plugin { hint, .. }
            | Self::Python { hint, .. }
            | Self::Runtime { hint, .. } => hint.clone(),
            Self::Case { .. } => Some("`hookstorm schema case` describes the form".into()),
            Self::File { path, doing: "read", source }
                if source.kind() == io::ErrorKind::NotFound && path.is_relative() =>
            {
                let here = std::env::current_dir().ok()?;
                Some(format!("hookstorm looked in the current folder, `{}`", here.display()))
            }
            Self::File { .. } | Self::Output(_) => None,
            Self::Internal(_) => Some("this is a defect of hookstorm: please report it".into()),
        }
    }

    /// The error, and the hint below it, as shown to the user.
    pub(super) fn to_text(&self) -> String {
        use crate::report::style::{ERROR, LABEL};
        let mut text = format!("{ERROR}error{ERROR:#}: {}\n", Lines(&self.to_string()));
        if let Some(hint) = self.hint() {
            text.push_str(&format!("  {LABEL}hint{LABEL:#}: {}\n", Lines(&hint)));
        }
        text
    }
}

/// A message that may contain text of a plugin: control characters are escaped, line breaks stay.
struct Lines<'a>(&'a str);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.lines().enumerate() {
            let break_ = if index == 0 { "" } else { "\n  " };
            write!(f, "{break_}{}", plain::harmless(line))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_place_and_a_hint() {
        let error = CliError::Setting {
            path: "hookstorm.toml".into(),
            line: 4,
            problem: "`secret-leek` is not the id of a rule".into(),
            hint: Some("the nearest is `secret-leak`; `hookstorm rules` lists them all".into()),
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&error.to_text()).to_string(), @r"
        error: `hookstorm.toml`, line 4: `secret-leek` is not the id of a rule
          hint: the nearest is `secret-leak`; `hookstorm rules` lists them all
        ");
        assert_eq!(error.status(), 2);
    }

    #[test]
    fn a_failure_of_hookstorm_has_its_own_status_and_asks_for_a_report() {
        let error = CliError::Internal("no such luck".into());
        assert_eq!(error.status(), 3);
        assert!(error.to_text().contains("please report"), "{}", error.to_text());
    }

    #[test]
    fn a_file_name_cannot_control_the_terminal() {
        let source = io::Error::from_raw_os_error(2);
        let error = CliError::File { path: "/a\x1b[2J\u{202e}".into(), doing: "read", source };
        let text = anstream::adapter::strip_str(&error.to_text()).to_string();
        assert_eq!(text, "error: `/a\\x1b[2J\\u202e` cannot be read: no such file or directory\n");
    }
}
