//! A finding while it is written: says what it knows, and gets its fingerprint at the end, from the same parts each time.

use super::{Finding, Location, Rule, Severity, fingerprint};
use crate::contract::Hook;

/// A finding that is being written. [`Draft::finish`] makes it one.
#[derive(Clone, Debug)]
pub struct Draft {
    rule: Rule,
    severity: Severity,
    hook: Option<Hook>,
    message: String,
    location: Option<Location>,
    call: Option<usize>,
    hint: Option<String>,
    exception: String,
    detail: String,
}

impl Finding {
    /// Begins a finding of `rule`, at the rule's own severity.
    ///
    /// ```
    /// use hookstorm::{contract::Hook, finding::{Finding, Rule, Severity}};
    ///
    /// let finding = Finding::draft(Rule::HookMissing, "`session_ended` is missing").hook(Hook::SessionEnded).finish();
    /// assert_eq!(finding.severity, Severity::Error);
    /// assert_eq!(finding.fingerprint.as_str().len(), 12);
    /// ```
    pub fn draft(rule: Rule, message: impl Into<String>) -> Draft {
        Draft {
            rule,
            severity: rule.severity(),
            hook: None,
            message: message.into(),
            location: None,
            call: None,
            hint: None,
            exception: String::new(),
            detail: String::new(),
        }
    }
}

impl Draft {
    /// The hook that broke the rule.
    #[must_use]
    pub fn hook(mut self, hook: Hook) -> Self {
        self.hook = Some(hook);
        self
    }

    /// The place in the trace's calls.
    #[must_use]
    pub fn call(mut self, call: usize) -> Self {
        self.call = Some(call);
        self
    }

    /// How bad it is here, where that differs from the rule's severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Where. File and function become part of the fingerprint.
    #[must_use]
    pub fn at(mut self, location: Option<Location>) -> Self {
        self.location = location;
        self
    }

    /// The exception's type: part of the fingerprint.
    #[must_use]
    pub fn exception(mut self, type_name: &str) -> Self {
        self.exception = type_name.to_owned();
        self
    }

    /// What else tells it from other findings of that place: part of the fingerprint, and so never a value.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// What to do, where more can be said than the rule's explanation says.
    #[must_use]
    pub fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The finding.
    pub fn finish(self) -> Finding {
        let (file, function) =
            self.location.as_ref().map_or(("", ""), |location| (location.file.as_str(), location.function.as_str()));
        Finding {
            fingerprint: fingerprint(self.rule, self.hook, &self.exception, file, function, &self.detail),
            rule: self.rule,
            severity: self.severity,
            hook: self.hook,
            message: self.message,
            location: self.location,
            call: self.call,
            foreign_cookie: false,
            hint: self.hint,
        }
    }
}
