//! Finds the finding of an earlier call from which a finding only follows.
//!
//! If the platform gets no result from a call, or cannot convert it to JSON, the cookie in it is lost, and a later call
//! that reads the cookie fails. That this is the reason is not guessed: the later call runs again, once with the cookie
//! that it got and once with a cookie as it would have been. It must fail in the same way with the first, and show
//! nothing at all with the second.

use crate::{
    case::{Session, Value},
    contract::Hook,
    engine::reproducer::Reproducer,
    finding::{Finding, Fingerprint, Rule},
    runtime::RuntimeError,
    trace::{CallTrace, Ending, Observed, Trace},
};

/// Values for the keys of a cookie of which nothing is known. A plugin may want a text, a number or a list.
const STAND_INS: [fn() -> Value; 3] = [|| Value::text("a"), || Value::Int(1), || Value::List(vec![Value::text("a")])];

/// How many words of the plugin's code a stand-in for a cookie has as keys.
const KEYS_LIMIT: usize = 200;

/// Cookies that hooks returned in this run: examples of what a later call gets if nothing is lost.
#[derive(Debug, Default)]
pub(super) struct SeenCookies(Vec<(Hook, Value)>);

impl SeenCookies {
    /// Remembers the first cookie of each hook.
    pub(super) fn add(&mut self, trace: &Trace) {
        for call in &trace.calls {
            if let Ending::Returned(result) = &call.ending
                && self.of(call.hook).is_none()
                && let Some(cookie) = result.get("cookie").and_then(Observed::through_json)
                && !cookie.is_empty_dict()
            {
                self.0.push((call.hook, cookie));
            }
        }
    }

    /// Adds those of hooks of which none is known.
    pub(super) fn extend(&mut self, others: &Self) {
        for (hook, cookie) in &others.0 {
            if self.of(*hook).is_none() {
                self.0.push((*hook, cookie.clone()));
            }
        }
    }

    fn of(&self, hook: Hook) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == hook).map(|(_, cookie)| cookie)
    }
}

/// The finding from which `wanted` only follows in `session`, if an earlier call has one.
pub(super) fn find(
    reproducer: &mut Reproducer<'_>,
    session: &Session,
    wanted: &Finding,
    seen: &SeenCookies,
) -> Result<Option<Fingerprint>, RuntimeError> {
    // Others say something about the call alone, or are comparisons.
    let may_follow = matches!(wanted.rule, Rule::UncaughtException | Rule::ProcessExit | Rule::ReturnValueInvalid);
    if !may_follow || session.calls.len() < 2 {
        return Ok(None);
    }
    let trace = reproducer.isolated(session)?;
    let findings = reproducer.judge(session, &trace);
    let shown = findings.iter().find(|finding| finding.fingerprint == wanted.fingerprint);
    let Some((shown, at)) = shown.and_then(|shown| Some((shown.clone(), shown.call?))) else { return Ok(None) };
    let Some(call) = trace.calls.get(at).map(|call| call.call) else { return Ok(None) };
    let Some((lost, cause)) = lost_before(session, &trace, at, &findings) else { return Ok(None) };

    // What the call got.
    let before = Session { calls: session.calls[..call].to_vec(), ..session.clone() };
    let got = reproducer.isolated(&before)?;
    let alone = |cookie: Value, session_cookie: Value| Session {
        calls: vec![session.calls[call].clone()],
        cookie,
        session_cookie,
        ..session.clone()
    };
    let control = alone(got.cookie.clone(), got.session_cookie.clone());
    if !findings_of(reproducer, &control)?.iter().any(|again| is_same(again, &shown)) {
        return Ok(None);
    }
    let mut repaired: Vec<(Value, Value)> = Vec::new();
    if let Ending::Returned(result) = &lost.ending {
        let of = |key: &str, got: &Value| result.get(key).map_or_else(|| got.clone(), lossy);
        repaired.push((of("cookie", &got.cookie), of("session_cookie", &got.session_cookie)));
    } else {
        let cookies = seen.of(lost.hook).cloned().into_iter().chain(stand_ins(reproducer, &got.cookie));
        repaired.extend(cookies.map(|cookie| (cookie, got.session_cookie.clone())));
    }
    for (cookie, session_cookie) in repaired {
        if findings_of(reproducer, &alone(cookie, session_cookie))?.is_empty() {
            return Ok(Some(cause));
        }
    }
    Ok(None)
}

/// The last call before `at` whose result was lost, with the finding that says so.
fn lost_before<'t>(
    session: &Session,
    trace: &'t Trace,
    at: usize,
    findings: &[Finding],
) -> Option<(&'t CallTrace, Fingerprint)> {
    let before = trace.calls[..at].iter().enumerate().rev();
    let is_own = |call: &CallTrace| session.calls.get(call.call).is_some_and(|call| !call.other);
    let mut own = before.filter(|(_, call)| is_own(call));
    own.find_map(|(index, call)| {
        let says_so = |finding: &&Finding| {
            finding.call == Some(index)
                && match &call.ending {
                    Ending::Returned(_) => finding.rule == Rule::NotJson,
                    ending => ending.is_aborted() && finding.rule != Rule::NotJson && loses_result(finding.rule),
                }
        };
        Some((call, findings.iter().find(says_so)?.fingerprint.clone()))
    })
}

/// Whether the platform gets no result from a call with such a finding.
pub(super) const fn loses_result(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::NotJson
            | Rule::UncaughtException
            | Rule::ConstructorFailed
            | Rule::ProcessExit
            | Rule::InterpreterCrash
            | Rule::Timeout
            | Rule::MemoryLimit
    )
}

fn findings_of(reproducer: &mut Reproducer<'_>, session: &Session) -> Result<Vec<Finding>, RuntimeError> {
    let trace = reproducer.isolated(session)?;
    // A call that did not run shows nothing because of that.
    if trace.calls.iter().all(|call| call.ending == Ending::CutOff) {
        return Ok(Vec::new());
    }
    Ok(reproducer.judge(session, &trace))
}

/// Whether it is the same finding with the same text: with another text, something else is wrong.
fn is_same(one: &Finding, other: &Finding) -> bool {
    one.fingerprint == other.fingerprint && one.message == other.message
}

/// Cookies that have all words of the plugin's code as keys.
fn stand_ins(reproducer: &Reproducer<'_>, got: &Value) -> Vec<Value> {
    let words = reproducer.plan.loading.tokens.strings.iter().take(KEYS_LIMIT);
    let words: Vec<&String> = words.collect();
    let cookie = |value: fn() -> Value| {
        let mut cookie = if got.as_dict().is_some() { got.clone() } else { Value::empty_dict() };
        for word in &words {
            if cookie.as_dict().is_some_and(|entries| entries.iter().all(|(key, _)| key != *word)) {
                cookie.set(word, value());
            }
        }
        cookie
    };
    STAND_INS.map(cookie).into()
}

/// The value as JSON, with a stand-in for each part that JSON cannot express.
fn lossy(value: &Observed) -> Value {
    match value {
        Observed::List(items) | Observed::Tuple(items) | Observed::Set(items) => {
            Value::List(items.iter().map(lossy).collect())
        }
        Observed::Dict(entries) => {
            let mut dict = Value::empty_dict();
            for (key, value) in entries {
                dict.set(&key.as_json_key().unwrap_or_else(|| key.to_string()), lossy(value));
            }
            dict
        }
        Observed::Bytes(bytes) => Value::text(String::from_utf8_lossy(bytes)),
        Observed::Float(number) if !number.is_finite() => Value::Float(0.0),
        other => other.through_json().unwrap_or_else(|| Value::text(other.to_string())),
    }
}
