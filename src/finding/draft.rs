//! Builds a finding. Its fingerprint is made at the end, always from the same parts.

use super::{Finding, Fingerprint, Location, Rule, Severity, fingerprint};
use crate::contract::Hook;

/// A finding without its fingerprint. [`Draft::finish`] makes it a [`Finding`].
#[derive(Clone, Debug)]
pub struct Draft {
    rule: Rule,
    severity: Severity,
    hook: Option<Hook>,
    message: String,
    location: Option<Location>,
    call: Option<usize>,
    hint: Option<String>,
    reason: Option<String>,
    former: Option<Fingerprint>,
    exception: String,
    detail: String,
    expression: String,
}

impl Finding {
    /// Starts a finding of `rule`, with the rule's own severity.
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
            reason: None,
            former: None,
            exception: String::new(),
            detail: String::new(),
            expression: String::new(),
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

    /// The index in the trace's calls.
    #[must_use]
    pub fn call(mut self, call: usize) -> Self {
        self.call = Some(call);
        self
    }

    /// The severity, if it differs from the rule's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The place. File and function become part of the fingerprint.
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

    /// What else distinguishes it from other findings at that place: part of the fingerprint, and so never a value.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The source text of the expression that failed: part of the fingerprint. Empty if it is not known.
    #[must_use]
    pub fn expression(mut self, expression: impl Into<String>) -> Self {
        self.expression = expression.into();
        self
    }

    /// What to do, if there is more to say than the rule's explanation says.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Why it matters here, if that differs from what the rule's explanation says.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<Option<String>>) -> Self {
        self.reason = reason.into();
        self
    }

    /// What identified it in an earlier version.
    #[must_use]
    pub fn former(mut self, fingerprint: impl Into<Option<Fingerprint>>) -> Self {
        self.former = fingerprint.into();
        self
    }

    /// The finding.
    pub fn finish(self) -> Finding {
        let (file, function) =
            self.location.as_ref().map_or(("", ""), |location| (location.file.as_str(), location.function.as_str()));
        let print = |detail: &str| fingerprint(self.rule, self.hook, &self.exception, file, function, detail);
        let former = print(&self.detail);
        let is_known = !self.expression.is_empty();
        Finding {
            fingerprint: if is_known { print(&format!("{}{}", self.detail, self.expression)) } else { former.clone() },
            former: self.former.or(is_known.then_some(former)),
            rule: self.rule,
            severity: self.severity,
            hook: self.hook,
            message: self.message,
            location: self.location,
            call: self.call,
            foreign_cookie: false,
            hint: self.hint,
            reason: self.reason,
        }
    }
}
