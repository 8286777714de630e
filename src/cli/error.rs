//! Why a command cannot do its work, with a hint and an exit status: 2 for wrong use, 3 for a failure of hookstorm. A
//! finding is not an error; it decides between 0 and 1 elsewhere.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::explanation::{Explanation, explain};
use crate::{
    api::{self, FileAction, reason},
    report::plain,
};

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
    /// The library could not do its work.
    #[error("{}", .0.problem)]
    Api(Explanation),
    /// Standard output cannot be written, for another reason than a closed pipe.
    #[error("standard output cannot be written: {}", reason(.0))]
    Output(io::Error),
    /// A defect of hookstorm.
    #[error("hookstorm failed: {0}")]
    Internal(String),
}

impl From<api::Error> for CliError {
    fn from(error: api::Error) -> Self {
        Self::Api(explain(&error))
    }
}

impl CliError {
    /// Wrong use of an option, with what to do about it.
    pub(super) fn usage(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { problem: problem.into(), hint: Some(hint.into()) }
    }

    /// A file that the user named cannot be read, written or removed.
    pub(super) fn file(path: &Path, action: FileAction) -> impl Fn(io::Error) -> Self + Copy {
        move |source| api::Error::File { path: path.to_owned(), action, source }.into()
    }

    /// The exit status.
    pub(super) const fn status(&self) -> u8 {
        match self {
            Self::Usage { .. } | Self::Setting { .. } => status::WRONG_USE,
            Self::Api(explanation) => explanation.status,
            Self::Output(_) | Self::Internal(_) => status::OUR_FAILURE,
        }
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } | Self::Setting { hint, .. } => hint.clone(),
            Self::Api(explanation) => explanation.hint.clone(),
            Self::Output(_) => None,
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
        let error = CliError::file(Path::new("/a\x1b[2J\u{202e}"), FileAction::Read)(source);
        let text = anstream::adapter::strip_str(&error.to_text()).to_string();
        assert_eq!(text, "error: `/a\\x1b[2J\\u202e` cannot be read: no such file or directory\n");
    }
}
