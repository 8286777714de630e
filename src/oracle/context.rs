//! What the oracles of one session share: the run that they judge, and the secrets that no message may contain.

use std::{cell::OnceCell, fmt::Display, ops::Deref};

use super::{PluginUnderTest, canary, mask::Masker, message, run::Run};
use crate::{
    case::Session,
    finding::{Draft, Finding, Rule},
    trace::{Observed, Trace},
};

/// A run with what the messages about it need. It dereferences to the [`Run`].
pub(super) struct Context<'a> {
    run: Run<'a>,
    /// Made for the first message, so a session without findings pays nothing for it.
    masker: OnceCell<Masker>,
}

impl<'a> Context<'a> {
    pub(super) const fn new(plugin: &'a PluginUnderTest, session: &'a Session, trace: &'a Trace) -> Self {
        Self { run: Run { plugin, session, trace }, masker: OnceCell::new() }
    }

    /// A finding of `rule` in the trace's call `index`.
    pub(super) fn draft(&self, rule: Rule, index: usize, message: impl Into<String>) -> Draft {
        Finding::draft(rule, message).hook(self.trace.calls[index].hook).call(index)
    }

    /// `text` without the session's secrets.
    pub(super) fn mask(&self, text: &str) -> String {
        self.masker.get_or_init(|| Masker::new(&canary::secrets_in(self.run))).mask(text)
    }

    /// A value for a message: without secrets, on one line, bounded.
    pub(super) fn value(&self, value: &impl Display) -> String {
        message::one_line(&self.mask(&message::written(value)), message::VALUE_LIMIT)
    }

    /// A value with its type.
    pub(super) fn typed_value(&self, value: &Observed) -> String {
        match value {
            Observed::None => "None".into(),
            Observed::Object { .. } => message::a_type(value),
            Observed::Str(_) | Observed::Bytes(_) => self.value(value),
            _ => format!("{} ({})", self.value(value), value.type_name()),
        }
    }
}

impl<'a> Deref for Context<'a> {
    type Target = Run<'a>;

    fn deref(&self) -> &Run<'a> {
        &self.run
    }
}

/// Adds a finding, unless one with its fingerprint is there already.
pub(super) fn add_new(findings: &mut Vec<Finding>, finding: Finding) {
    if findings.iter().all(|known| known.fingerprint != finding.fingerprint) {
        findings.push(finding);
    }
}
