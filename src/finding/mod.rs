//! What a finding is: [`Rule`] and the registry of all of them, [`Severity`], [`Finding`], the fingerprint that makes two
//! findings one, and [`RuleLevels`], with which a user turns rules up, down or off.
#![forbid(unsafe_code)]

mod explain;
mod fingerprint;
mod level;
mod rule;

pub use explain::explanation;
pub use fingerprint::{Fingerprint, fingerprint};
pub use level::{LevelError, RuleLevels};
pub use rule::{Phase, Rule};

use std::fmt;

use crate::contract::Hook;

/// How bad it is. An error fails a run, a warning does not unless asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Told, and no more.
    Warning,
    /// Exit status 1.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A place in one of the package's files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The path inside the package, with `/`; a path of its own outside it.
    pub file: String,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// The column in characters, from 1; 0 where it is not known.
    pub column: u32,
    /// The function; empty where there is none.
    pub function: String,
}

/// One rule broken at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// How bad it is here.
    pub severity: Severity,
    /// The hook that broke it; `None` for package and loading rules that concern none.
    pub hook: Option<Hook>,
    /// What happened, in one sentence without a full stop. Never holds a secret.
    pub message: String,
    /// Where.
    pub location: Option<Location>,
    /// What makes it the same finding the next time.
    pub fingerprint: Fingerprint,
    /// Its place in the trace's calls; `None` for package and loading rules.
    pub call: Option<usize>,
    /// Whether it needs a cookie that the plugin never returned.
    pub foreign_cookie: bool,
    /// What to do, where more can be said than the rule's explanation says.
    pub hint: Option<String>,
}
