//! One rule broken at one place.

use super::{Fingerprint, Rule, Severity};
use crate::contract::Hook;

/// A place in one of the package's files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The path inside the package, with `/`. For code outside of it, a path that is the same on every machine.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: u32,
    /// The column in characters, from 1; 0 if it is not known.
    pub column: u32,
    /// The function; empty if there is none.
    pub function: String,
}

impl Location {
    /// A place in a file that is not code.
    pub(crate) fn in_file(file: &str, line: u32, column: u32) -> Self {
        Self { file: file.to_owned(), line, column, function: String::new() }
    }
}

/// One rule broken at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// How bad it is here.
    pub severity: Severity,
    /// The hook that broke it; `None` for package and loading rules that concern no single hook.
    pub hook: Option<Hook>,
    /// What happened, in one sentence without a full stop. Contains no secret.
    pub message: String,
    /// Where it happened.
    pub location: Option<Location>,
    /// What identifies it in later runs.
    pub fingerprint: Fingerprint,
    /// The fingerprint that it had in an earlier version, if that is another one. Earlier versions gave several
    /// findings the same fingerprint. Old baselines and cases contain it.
    pub former: Option<Fingerprint>,
    /// The index in the trace's calls; `None` for package and loading rules.
    pub call: Option<usize>,
    /// Whether it needs a cookie that the plugin never returned.
    pub foreign_cookie: bool,
    /// What to do, if there is more to say than the rule's explanation says.
    pub hint: Option<String>,
    /// Why it matters here, in one sentence without a full stop, if that differs from the rule's explanation.
    pub reason: Option<String>,
}

impl Finding {
    /// Whether `again`, found in another run of the same session, confirms this one. For most rules that is the same
    /// fingerprint. When a limit ends a call depends on the load of the machine, and so does the innermost frame;
    /// there rule and hook are enough.
    pub(crate) fn is_confirmed_by(&self, again: &Self) -> bool {
        let by_limit = matches!(self.rule, Rule::Timeout | Rule::MemoryLimit | Rule::InterpreterCrash);
        self.fingerprint == again.fingerprint || (by_limit && self.rule == again.rule && self.hook == again.hook)
    }

    /// Whether `text` is its fingerprint, or the one that it had before.
    pub fn has_fingerprint(&self, text: &str) -> bool {
        self.fingerprint.as_str() == text || self.former.as_ref().is_some_and(|former| former.as_str() == text)
    }

    /// Marks a finding that needs a cookie which the plugin never returned. It is a warning at most.
    pub(crate) fn mark_foreign_cookie(&mut self) {
        self.foreign_cookie = true;
        self.severity = Severity::Warning;
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
    fn an_expression_tells_two_findings_of_a_function_apart_and_the_former_fingerprint_is_known() {
        let of = |expression: &str| {
            let location = Location { file: "main.py".into(), line: 1, column: 0, function: "f".into() };
            Finding::draft(Rule::UncaughtException, "").at(Some(location)).expression(expression).finish()
        };
        let (one, other, unknown) = (of("host.split()"), of("domain.split()"), of(""));
        assert_ne!(one.fingerprint, other.fingerprint);
        assert_eq!((&one.former, &other.former), (&Some(unknown.fingerprint.clone()), &one.former));
        assert_eq!(unknown.former, None);
        assert!(one.has_fingerprint(unknown.fingerprint.as_str()) && !one.has_fingerprint(other.fingerprint.as_str()));
    }

    #[test]
    fn a_timeout_is_confirmed_at_any_place() {
        assert!(at(Rule::Timeout, "loop").is_confirmed_by(&at(Rule::Timeout, "helper")));
        assert!(!at(Rule::UncaughtException, "loop").is_confirmed_by(&at(Rule::UncaughtException, "helper")));
        assert!(!at(Rule::Timeout, "loop").is_confirmed_by(&at(Rule::MemoryLimit, "loop")));
    }
}
