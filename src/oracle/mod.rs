//! Pure functions from (session, trace, contract) to findings, one file per family of rules: [`judge`] for a session,
//! [`judge_loading`] for what loading showed, [`state_leak`] and [`nondeterministic`] for two traces of one session.
//!
//! No I/O, no Python, no knowledge of processes: every oracle is tested on traces written by hand. No message holds a
//! secret. A session that shows nothing costs no memory, since nearly all sessions are such.
#![forbid(unsafe_code)]

mod canary;
mod canary_match;
mod compare;
mod encoding;
mod ending;
mod json;
mod loading;
mod mask;
mod message;
mod plugin_under_test;
mod private_key;
mod resource_leak;
mod result;
mod result_shape;
mod sandbox_violation;
mod secret_leak;
mod stable_name;
mod stack;
#[cfg(test)]
mod testing;
mod value_path;

pub use compare::{Difference, difference, nondeterministic, state_leak};
pub use loading::{judge_loading, sdk_mismatch};
pub use mask::mask;
pub use plugin_under_test::PluginUnderTest;
pub use secret_leak::secrets_of;

use std::{cell::OnceCell, fmt::Display};

use crate::{
    case::{Session, Value},
    finding::{Finding, Severity},
    trace::{CallTrace, Ending, Observed, Trace},
};

/// What a session's trace shows, call by call. Everything but `state-leak` and `nondeterministic`, which compare two
/// traces. Calls of the other plugin of a session of two are not judged.
pub fn judge(subject: &PluginUnderTest, session: &Session, trace: &Trace) -> Vec<Finding> {
    let context = Context::new(subject, session, trace);
    let mut findings = Vec::new();
    for (index, seen) in trace.calls.iter().enumerate() {
        if context.is_other(seen) {
            continue;
        }
        match &seen.ending {
            Ending::Returned(returned) => judge_result(&context, index, seen, returned, &mut findings),
            _ => ending::judge(&context, index, seen, &mut findings),
        }
    }
    sandbox_violation::judge(&context, &mut findings);
    secret_leak::judge(&context, &mut findings);
    resource_leak::judge(&context, &mut findings);
    if session.has_foreign_cookie() {
        findings.iter_mut().for_each(mark_foreign);
    }
    findings
}

/// A finding that needs a cookie which the plugin never returned is a warning at most.
fn mark_foreign(finding: &mut Finding) {
    finding.foreign_cookie = true;
    finding.severity = finding.severity.min(Severity::Warning);
}

fn judge_result(
    context: &Context<'_>,
    index: usize,
    seen: &CallTrace,
    returned: &Observed,
    findings: &mut Vec<Finding>,
) {
    let spec = match seen.hook.spec(context.subject.plugin_type) {
        // What is dropped crosses no boundary and is read by nobody.
        Some(spec) if !spec.result_dropped => spec,
        _ => return,
    };
    let Some(entries) = returned.as_dict() else {
        return result::judge_type(index, seen, returned, findings);
    };
    for (key, value) in entries {
        if result::judge_entry(context, index, (seen, spec), (key, value), findings) {
            json::judge(context, index, seen, (key, value), findings);
        }
    }
    result::judge_question(index, (seen, spec), returned, findings);
}

/// What the oracles of one session share.
struct Context<'a> {
    subject: &'a PluginUnderTest,
    session: &'a Session,
    trace: &'a Trace,
    /// Made for the first message, and so in no session that shows nothing.
    masker: OnceCell<mask::Masker>,
}

impl<'a> Context<'a> {
    const fn new(subject: &'a PluginUnderTest, session: &'a Session, trace: &'a Trace) -> Self {
        Self { subject, session, trace, masker: OnceCell::new() }
    }

    /// Whether a call went to the other plugin of a session of two.
    fn is_other(&self, seen: &CallTrace) -> bool {
        self.session.calls.get(seen.call).is_some_and(|call| call.other)
    }

    /// `text` without the session's secrets.
    fn mask(&self, text: &str) -> String {
        let masker = self.masker.get_or_init(|| mask::Masker::new(&secrets_of(self.subject, self.session, self.trace)));
        masker.mask(text)
    }

    /// A value for a message: without secrets, on one line, bounded.
    fn value(&self, value: &impl Display) -> String {
        message::one_line(&self.mask(&message::written(value)), message::VALUE_LIMIT)
    }

    /// A value with its type.
    fn shown(&self, value: &Observed) -> String {
        match value {
            Observed::None => "None".into(),
            Observed::Object { .. } => message::a_type(value),
            Observed::Str(_) | Observed::Bytes(_) => self.value(value),
            _ => format!("{} ({})", self.value(value), value.type_name()),
        }
    }

    /// Everything that the session passes to the plugin.
    fn inputs(&self) -> impl Iterator<Item = &'a Value> {
        let arguments = self.session.calls.iter().flat_map(|call| call.arguments.iter().map(|(_, value)| value));
        [&self.session.cookie, &self.session.session_cookie].into_iter().chain(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        testing::{Played, dict, frame, raised, store, text},
        *,
    };
    use crate::{contract::Hook, finding::Rule};

    #[test]
    fn a_foreign_cookie_makes_a_warning_of_every_error() {
        let mut played = Played::new().call(Hook::GetPasswordList, raised("KeyError", "'a'", vec![frame("f", 1)]));
        assert_eq!(played.only(&store()).severity, Severity::Error);
        played.session.cookie.set("a", Value::Int(1));
        let finding = played.only(&store());
        assert!(finding.foreign_cookie);
        assert_eq!(finding.severity, Severity::Warning);
    }

    #[test]
    fn the_other_plugins_calls_are_not_judged() {
        let mut played = Played::new().call(Hook::Authorize, raised("KeyError", "'a'", vec![frame("f", 1)]));
        played.session.calls[0].other = true;
        played.silent(&store());
    }

    #[test]
    fn findings_know_the_call_that_shows_them() {
        let played = Played::returned(Hook::GetPasswordList, Observed::None)
            .call(Hook::AuthenticationCompleted, Ending::Returned(text("done")));
        let finding = played.only(&store());
        assert_eq!((finding.rule, finding.call), (Rule::ReturnType, Some(1)));
    }

    #[test]
    fn a_trace_that_fits_no_session_is_survived() {
        let mut played = Played::returned(Hook::Authenticate, dict([("x", Observed::Truncated)])).stderr("a line");
        played.last().call = 99;
        played.last().round = 99;
        played.silent(&store());
    }
}
