//! What a call's end means for the session, read from what it gave.

use crate::{
    case::Value,
    contract::Hook,
    runtime::protocol::flow::{After, after_verdict},
    trace::{CallTrace, Ending, Observed, Trace},
};

/// Whether a call's verdict refuses the connection, or asks what nobody answers.
pub(in crate::runtime) fn refuses(call: &CallTrace) -> bool {
    let Ending::Returned(result) = &call.ending else { return false };
    matches!(after_result(call.hook, result), After::Refused | After::Asked { .. })
}

/// What a call's end means for the session, and its cookies for the calls to come.
pub(super) fn after(call: &CallTrace, trace: &mut Trace) -> After {
    let result = match &call.ending {
        Ending::Returned(result) => result,
        Ending::CutOff => {
            trace.cookie = Value::empty_dict();
            trace.session_cookie = Value::empty_dict();
            return After::Going;
        }
        _ => return After::Broke,
    };
    if call.hook == Hook::SessionEnded {
        return After::Going;
    }
    if let Some(cookie) =
        result.get("cookie").and_then(Observed::through_json).filter(|cookie| cookie.as_dict().is_some())
    {
        trace.cookie = cookie;
    }
    if let Some(cookie) =
        result.get("session_cookie").and_then(Observed::through_json).filter(|cookie| cookie.as_dict().is_some())
    {
        trace.session_cookie = cookie;
    }
    after_result(call.hook, result)
}

/// What a result says of how the session goes on.
fn after_result(hook: Hook, result: &Observed) -> After {
    if !matches!(hook, Hook::Authenticate | Hook::Authorize) {
        return After::Going;
    }
    match result.get("verdict") {
        None | Some(Observed::None) => after_verdict(None),
        Some(verdict) => match verdict.as_str() {
            Some("NEEDINFO") => match result.get("question").and_then(Observed::items) {
                Some([Observed::Str(key), rest @ ..]) => {
                    After::Asked { key: key.clone(), disable_echo: rest.get(1) == Some(&Observed::Bool(true)) }
                }
                _ => After::Refused,
            },
            verdict => after_verdict(verdict.or(Some("no verdict"))),
        },
    }
}
