//! Makes a finding of a package rule, so that the places that find one can be short.

use crate::finding::{Finding, Location, Rule, Severity, fingerprint};

/// A finding in the making.
pub(super) struct Note(Finding);

/// `rule` broken by `subject`: a field, an entry, an option; empty where the whole is meant. It makes the fingerprint
/// together with the file, which [`Note::at`] sets.
pub(super) fn note(rule: Rule, subject: &str, message: String) -> Note {
    Note(Finding {
        rule,
        severity: rule.severity(),
        hook: None,
        message,
        location: None,
        fingerprint: fingerprint(rule, None, "", "", "", subject),
        call: None,
        foreign_cookie: false,
        hint: None,
    })
}

impl Note {
    /// At a line and column of `file`; `subject` as given to [`note`].
    pub(super) fn at(mut self, file: &str, line: u32, column: u32, subject: &str) -> Self {
        self.0.location = Some(Location { file: file.to_owned(), line, column, function: String::new() });
        self.0.fingerprint = fingerprint(self.0.rule, None, "", file, "", subject);
        self
    }

    /// What to do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Only told, where the rule is an error otherwise.
    pub(super) fn warning(mut self) -> Self {
        self.0.severity = Severity::Warning;
        self
    }
}

impl From<Note> for Finding {
    fn from(note: Note) -> Self {
        note.0
    }
}
