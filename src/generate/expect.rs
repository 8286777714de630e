//! The findings that a reader or a runtime must report for something generated. [`ExpectedFindings`] compares them with
//! the findings that were reported.

use std::fmt::{self, Display, Write as _};

use crate::{
    contract::Hook,
    finding::{Finding, Rule, Severity},
};

/// A finding that must be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpectedFinding {
    /// Its rule.
    pub(crate) rule: Rule,
    /// Its severity; `None` if not known.
    pub(crate) severity: Option<Severity>,
    /// The hook that it is about.
    pub(crate) hook: Option<Hook>,
    /// Its file and line; `None` if not known.
    pub(crate) place: Option<(String, u32)>,
    /// A part of its message; empty for any message.
    pub(crate) word: String,
}

impl ExpectedFinding {
    /// A finding of `rule`, with the rule's own severity, at any place.
    pub(crate) fn of(rule: Rule) -> Self {
        Self { rule, severity: Some(rule.severity()), hook: None, place: None, word: String::new() }
    }

    /// With another severity.
    #[must_use]
    pub(crate) fn severity(self, severity: Severity) -> Self {
        Self { severity: Some(severity), ..self }
    }

    /// About a hook.
    #[must_use]
    pub(crate) fn hook(self, hook: Hook) -> Self {
        Self { hook: Some(hook), ..self }
    }

    /// At a line of a file.
    #[must_use]
    pub(crate) fn at(self, file: impl Into<String>, line: u32) -> Self {
        Self { place: Some((file.into(), line)), ..self }
    }

    /// With this part in its message.
    #[must_use]
    pub(crate) fn word(self, word: impl Into<String>) -> Self {
        Self { word: word.into(), ..self }
    }

    fn is(&self, finding: &Finding) -> bool {
        self.rule == finding.rule
            && self.severity.is_none_or(|severity| severity == finding.severity)
            && self.hook == finding.hook
            && self.place.as_ref().is_none_or(|(file, line)| {
                finding.location.as_ref().is_some_and(|at| at.file == *file && at.line == *line)
            })
            && finding.message.contains(&self.word)
    }
}

impl Display for ExpectedFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rule)?;
        if let Some(severity) = self.severity {
            write!(f, " ({severity})")?;
        }
        if let Some(hook) = self.hook {
            write!(f, " of {hook}")?;
        }
        if let Some((file, line)) = &self.place {
            write!(f, " at {file}:{line}")?;
        }
        if !self.word.is_empty() {
            write!(f, " with `{}` in its message", self.word.escape_debug())?;
        }
        Ok(())
    }
}

/// The findings that must be reported, and those that may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExpectedFindings {
    /// Each of these must be reported exactly once.
    pub(crate) findings: Vec<ExpectedFinding>,
    /// Findings of these rules may be reported besides.
    pub(crate) may: Vec<Rule>,
}

impl ExpectedFindings {
    /// How the reported findings differ from the expected ones, in words; `None` if they do not differ.
    pub(crate) fn difference(&self, found: &[Finding]) -> Option<String> {
        let mut missing: Vec<&ExpectedFinding> = self.findings.iter().collect();
        let mut surplus: Vec<&Finding> = Vec::new();
        for finding in found {
            match missing.iter().position(|expected| expected.is(finding)) {
                Some(at) => drop(missing.remove(at)),
                None if self.may.contains(&finding.rule) => {}
                None => surplus.push(finding),
            }
        }
        if missing.is_empty() && surplus.is_empty() {
            return None;
        }
        let mut text = String::new();
        for expected in missing {
            let _ = writeln!(text, "not reported: {expected}");
        }
        for finding in surplus {
            let place = finding.location.as_ref().map(|at| format!(" at {}:{}", at.file, at.line)).unwrap_or_default();
            let hook = finding.hook.map(|hook| format!(" of {hook}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "reported, not expected: {} ({}){hook}{place}: {}",
                finding.rule, finding.severity, finding.message
            );
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Location;

    fn at(line: u32) -> Finding {
        let place = Location { file: "main.py".into(), line, column: 0, function: String::new() };
        Finding::draft(Rule::UncaughtException, "KeyError: 'a'").hook(Hook::Authorize).at(Some(place)).finish()
    }

    #[test]
    fn every_finding_is_expected_once_at_its_place() {
        let expected =
            ExpectedFinding::of(Rule::UncaughtException).hook(Hook::Authorize).at("main.py", 3).word("KeyError");
        let expect = ExpectedFindings { findings: vec![expected], may: vec![Rule::LossyJson] };
        assert_eq!(expect.difference(&[at(3)]), None);
        assert_eq!(expect.difference(&[at(3), Finding::draft(Rule::LossyJson, "").finish()]), None);
        assert!(expect.difference(&[at(4)]).unwrap().contains("not reported: uncaught-exception (error) of authorize"));
        assert!(expect.difference(&[at(3), at(3)]).unwrap().starts_with("reported, not expected"));
        assert!(expect.difference(&[]).is_some());
    }
}
