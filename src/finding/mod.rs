//! What a finding is: [`Rule`] and the registry of all of them, [`Severity`], [`Finding`], the fingerprint that makes two
//! findings one, and [`RuleLevels`], with which a user turns rules up, down or off.
//! [`Finding::draft`] writes one.
#![forbid(unsafe_code)]

mod draft;
mod fingerprint;
mod level;
mod rule;

pub use draft::Draft;
pub use fingerprint::{Fingerprint, fingerprint};
pub use level::{LevelError, RuleLevels};
pub use rule::{Phase, Rule};

use std::{cmp::Ordering, fmt};

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

impl Finding {
    /// The order of reports: errors first, what needs a foreign cookie last, then as the manual orders rules, then by
    /// hook and place. Two findings that are equal here are one.
    pub fn report_order(&self, other: &Self) -> Ordering {
        let key =
            |finding: &Self| (std::cmp::Reverse(finding.severity), finding.foreign_cookie, finding.rule, finding.hook);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.location.cmp(&other.location))
            .then_with(|| self.fingerprint.cmp(&other.fingerprint))
    }

    /// Whether `again`, seen in another run of the same session, confirms this one. For most rules that is the same
    /// fingerprint. Where a limit struck depends on the machine's mood, and so does the innermost frame: there rule and
    /// hook are enough.
    pub fn is_confirmed_by(&self, again: &Self) -> bool {
        let by_limit = matches!(self.rule, Rule::Timeout | Rule::MemoryLimit | Rule::InterpreterCrash);
        self.fingerprint == again.fingerprint || (by_limit && self.rule == again.rule && self.hook == again.hook)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(rule: Rule, function: &str) -> Finding {
        let location = Location { file: "main.py".into(), line: 1, column: 0, function: function.into() };
        Finding::draft(rule, "").hook(Hook::Authorize).at(Some(location)).finish()
    }

    #[test]
    fn errors_come_before_warnings_and_foreign_cookies_last() {
        let foreign = Finding { foreign_cookie: true, severity: Severity::Warning, ..at(Rule::NotJson, "f") };
        let mut findings =
            [foreign, at(Rule::LossyJson, "f"), at(Rule::SecretLeak, "f"), at(Rule::UncaughtException, "f")];
        findings.sort_by(Finding::report_order);
        let rules = findings.map(|finding| finding.rule);
        assert_eq!(rules, [Rule::UncaughtException, Rule::SecretLeak, Rule::LossyJson, Rule::NotJson]);
    }

    #[test]
    fn a_timeout_is_confirmed_wherever_the_clock_struck() {
        assert!(at(Rule::Timeout, "loop").is_confirmed_by(&at(Rule::Timeout, "helper")));
        assert!(!at(Rule::UncaughtException, "loop").is_confirmed_by(&at(Rule::UncaughtException, "helper")));
        assert!(!at(Rule::Timeout, "loop").is_confirmed_by(&at(Rule::MemoryLimit, "loop")));
    }
}
