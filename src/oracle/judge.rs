//! Judges a session's trace, call by call, with the oracle of each family of rules.

use super::{PluginUnderTest, context::Context, ending, json, resource_leak, result, sandbox_violation, secret_leak};
use crate::{
    case::Session,
    finding::Finding,
    trace::{CallTrace, Ending, Observed, Origin, Trace},
};

/// All findings of a session's trace, except `state-leak` and `nondeterministic`, which compare two traces. Calls of
/// the other plugin of a session with two plugins are not judged.
pub fn judge(plugin: &PluginUnderTest, session: &Session, trace: &Trace) -> Vec<Finding> {
    let context = Context::new(plugin, session, trace);
    let mut findings = Vec::new();
    for (index, call) in trace.calls.iter().enumerate() {
        if context.is_other(call) {
            continue;
        }
        match &call.ending {
            Ending::Returned(returned) => judge_result(&context, index, call, returned, &mut findings),
            _ => ending::judge(&context, index, call, &mut findings),
        }
    }
    sandbox_violation::judge(&context, &mut findings);
    secret_leak::judge(&context, &mut findings);
    resource_leak::judge(&context, &mut findings);
    if session.has_foreign_cookie() {
        // What the SDK stores in a cookie is the SDK's, so a forged one says nothing about code that is not the
        // plugin's.
        findings.retain(|finding| !is_outside_of_the_plugin(finding, trace));
        findings.iter_mut().for_each(Finding::mark_foreign_cookie);
    }
    findings
}

/// Whether no frame of the call is the plugin's own, so that the finding names a place in other code.
fn is_outside_of_the_plugin(finding: &Finding, trace: &Trace) -> bool {
    let call = finding.call.and_then(|index| trace.calls.get(index));
    let frames = call.map_or(&[][..], |call| call.ending.frames());
    finding.location.is_some() && !frames.is_empty() && frames.iter().all(|frame| frame.origin != Origin::Plugin)
}

fn judge_result(
    context: &Context<'_>,
    index: usize,
    call: &CallTrace,
    returned: &Observed,
    findings: &mut Vec<Finding>,
) {
    let spec = match call.hook.spec(context.plugin.plugin_type) {
        // The platform drops such a result before it crosses JSON.
        Some(spec) if !spec.result_dropped => spec,
        _ => return,
    };
    let Some(entries) = returned.as_dict() else {
        return result::judge_type(context, index, returned, findings);
    };
    for (key, value) in entries {
        if result::judge_entry(context, index, spec, (key, value), findings) {
            json::judge(context, index, (key, value), findings);
        }
    }
    result::judge_question(context, index, spec, returned, findings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Value,
        contract::Hook,
        finding::{Rule, Severity},
        oracle::testing::{Played, dict, frame, raised, sdk_frame, store, text},
    };

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
    fn a_foreign_cookie_says_nothing_about_code_of_the_sdk() {
        let mut played = Played::new().call(Hook::GetPasswordList, raised("KeyError", "'a'", vec![sdk_frame("get")]));
        played.only(&store());
        played.session.cookie.set("a", Value::Int(1));
        played.silent(&store());
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
