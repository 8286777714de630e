//! What the end of a call means for its session, read from what the call returned.

use crate::{
    case::Value,
    contract::Hook,
    runtime::protocol::session_flow::{CallOutcome, verdict_outcome},
    trace::{CallTrace, Ending, Observed, Trace},
};

/// Whether a call's verdict refuses the connection, or asks a question that nobody answers.
pub(in crate::runtime) fn refuses(call: &CallTrace) -> bool {
    let Ending::Returned(result) = &call.ending else { return false };
    matches!(result_outcome(call.hook, result), CallOutcome::Refused | CallOutcome::Asked { .. })
}

/// What the end of a call means for the session. Updates the cookies of the trace for the next calls.
pub(super) fn call_outcome(call: &CallTrace, trace: &mut Trace) -> CallOutcome {
    let result = match &call.ending {
        Ending::Returned(result) => result,
        Ending::CutOff => {
            trace.cookie = Value::empty_dict();
            trace.session_cookie = Value::empty_dict();
            return CallOutcome::Continue;
        }
        _ => return CallOutcome::Aborted,
    };
    if call.hook == Hook::SessionEnded {
        return CallOutcome::Continue;
    }
    let cookie =
        |name: &str| result.get(name).and_then(Observed::through_json).filter(|cookie| cookie.as_dict().is_some());
    if let Some(cookie) = cookie("cookie") {
        trace.cookie = cookie;
    }
    if let Some(cookie) = cookie("session_cookie") {
        trace.session_cookie = cookie;
    }
    result_outcome(call.hook, result)
}

/// What a result means for the session.
fn result_outcome(hook: Hook, result: &Observed) -> CallOutcome {
    if !matches!(hook, Hook::Authenticate | Hook::Authorize) {
        return CallOutcome::Continue;
    }
    match result.get("verdict") {
        None | Some(Observed::None) => verdict_outcome(None),
        Some(verdict) => match verdict.as_str() {
            Some("NEEDINFO") => match result.get("question").and_then(Observed::items) {
                Some([Observed::Str(key), rest @ ..]) => {
                    CallOutcome::Asked { key: key.clone(), disable_echo: rest.get(1) == Some(&Observed::Bool(true)) }
                }
                _ => CallOutcome::Refused,
            },
            verdict => verdict_outcome(verdict.or(Some("no verdict"))),
        },
    }
}
