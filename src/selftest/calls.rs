//! Calls the hooks of a generated plugin, each in a process of its own and all in one, and compares traces and findings
//! with the hooks' known behaviour.

use std::time::Duration;

use crate::{
    case::Session,
    contract::Hook,
    generate::{
        Domain, ExpectedFindings, nominal_session,
        package::GeneratedPackage,
        plugin::{GeneratedHook, HookBehaviour},
    },
    oracle::{self, PluginUnderTest},
    runtime::{Executor, Isolation, RuntimeError, Worker},
    trace::{CallTrace, Ending, Loading, Observed, PluginTokens, Trace},
};

/// The time limit of a second try, after a call that must not hang ran out of time: the machine may be busy.
const SECOND_TIMEOUT: Duration = Duration::from_secs(20);
/// How many bytes of a call's output are compared.
const OUTPUT_BYTES: usize = 1000;

/// How the calls differ from the expected ones.
pub(super) fn compare(
    made: &GeneratedPackage,
    subject: &PluginUnderTest,
    loading: &Loading,
    worker: &mut Worker,
) -> Result<Option<String>, RuntimeError> {
    let planned = &made.plugin.hooks;
    if let Some(hook) = planned.iter().find(|planned| !loading.hooks.iter().any(|seen| seen.hook == planned.hook)) {
        return Ok(Some(format!("hook {} was not found", hook.hook)));
    }
    let hooks: Vec<Hook> = planned.iter().map(|planned| planned.hook).collect();
    let domain = Domain::new(made.plugin_type, made.platform, hooks, PluginTokens::default());
    let mut nominal = nominal_session(&domain, 0);
    nominal.calls.iter_mut().for_each(|call| call.answers.clear());
    // Each hook alone, since a call that ends the session hides the ones after it, and then all together.
    let mut sessions: Vec<Session> =
        nominal.calls.iter().map(|call| Session { calls: vec![call.clone()], ..nominal.clone() }).collect();
    sessions.push(nominal);

    let traces = worker.run(&sessions, Isolation::Persistent)?;
    for (session, persistent) in sessions.iter().zip(&traces) {
        let mut isolated = one(worker.run(std::slice::from_ref(session), Isolation::Isolated)?);
        let hangs = |trace: &Trace| {
            trace.calls.iter().any(|seen| {
                matches!(seen.ending, Ending::TimedOut { .. })
                    && plan(planned, seen).is_none_or(|plan| plan.behaviour != HookBehaviour::TimesOut)
            })
        };
        if hangs(&isolated) {
            isolated = worker.run_with_timeout(session, SECOND_TIMEOUT)?;
        }
        let problem =
            session_problem(planned, subject, session, &isolated).map(|problem| format!("isolated: {problem}"));
        let problem = problem.or_else(|| {
            if hangs(persistent) {
                return None;
            }
            let problem = session_problem(planned, subject, session, persistent);
            problem.or_else(|| state_problem(planned, persistent)).map(|problem| format!("persistent: {problem}"))
        });
        if problem.is_some() {
            return Ok(problem);
        }
        let is_random =
            |seen: &CallTrace| plan(planned, seen).is_some_and(|plan| plan.behaviour == HookBehaviour::ReturnsRandom);
        let has_random = isolated.calls.iter().any(is_random);
        let differs = oracle::difference(&isolated, persistent).is_some() && !hangs(persistent);
        if differs != has_random && !hangs(persistent) {
            let problem = if has_random { "do not differ, although a result is random" } else { "differ" };
            return Ok(Some(format!(
                "isolated and persistent runs {problem}: {:?}",
                oracle::difference(&isolated, persistent)
            )));
        }
        // What is random is a cookie, on which the platform does not act.
        let finding = oracle::nondeterministic(subject, session, &isolated, persistent);
        if finding.is_some() && !hangs(persistent) {
            return Ok(Some(
                "nondeterministic is reported although the platform acts on nothing that is random".into(),
            ));
        }
    }
    Ok(None)
}

fn one(traces: Vec<Trace>) -> Trace {
    traces.into_iter().next().unwrap_or_default()
}

fn plan<'a>(planned: &'a [GeneratedHook], seen: &CallTrace) -> Option<&'a GeneratedHook> {
    planned.iter().find(|plan| plan.hook == seen.hook)
}

/// How a session's trace and its findings differ from its hooks' known behaviour.
fn session_problem(
    planned: &[GeneratedHook],
    subject: &PluginUnderTest,
    session: &Session,
    trace: &Trace,
) -> Option<String> {
    let due = due(planned, session);
    let made: Vec<Hook> = trace.calls.iter().map(|seen| seen.hook).collect();
    if let Some(due) = &due
        && *due != made
    {
        return Some(format!("the calls must be {due:?}, and were {made:?}"));
    }
    let mut expect = ExpectedFindings::default();
    for seen in &trace.calls {
        let plan = plan(planned, seen)?;
        if let Some(problem) = call_problem(plan, seen) {
            return Some(format!("`{}`: {problem}", seen.hook));
        }
        expect.findings.extend(plan.expected.iter().cloned());
    }
    expect.difference(&oracle::judge(subject, session, trace))
}

/// The calls that the platform makes: none after a call that ends the session, and only the last one after a refusal.
/// `None` if the verdict is not a text, since the platform's reaction is not known then.
fn due(planned: &[GeneratedHook], session: &Session) -> Option<Vec<Hook>> {
    let mut due = Vec::new();
    let mut refused = false;
    for call in &session.calls {
        if refused && call.hook != Hook::SessionEnded {
            continue;
        }
        due.push(call.hook);
        let behaviour = &planned.iter().find(|plan| plan.hook == call.hook)?.behaviour;
        if behaviour.ends_session() {
            break;
        }
        if let HookBehaviour::Returns(result) = behaviour
            && matches!(call.hook, Hook::Authenticate | Hook::Authorize)
        {
            refused |= match result.get("verdict") {
                None | Some(Observed::None) => false,
                Some(Observed::Str(verdict)) => !matches!(verdict.as_str(), "ACCEPT" | "NONE"),
                Some(_) => return None,
            };
        }
    }
    Some(due)
}

fn call_problem(plan: &GeneratedHook, seen: &CallTrace) -> Option<String> {
    let is_right = match (&plan.behaviour, &seen.ending) {
        (HookBehaviour::Returns(built), Ending::Returned(seen)) => is_same(built, seen),
        (HookBehaviour::ReturnsRandom, Ending::Returned(seen)) => matches!(seen, Observed::Dict(_)),
        (HookBehaviour::Raises(type_name, message), Ending::Raised(exception)) => {
            exception.type_name == *type_name
                && message.as_ref().is_none_or(|message| *message == exception.message)
                && !exception.in_constructor
        }
        (HookBehaviour::Exits(built), Ending::Exited { status, .. }) => built == status,
        (HookBehaviour::Signalled(built), Ending::Signalled { signal, .. }) => built == signal,
        (HookBehaviour::TimesOut, Ending::TimedOut { .. })
        | (HookBehaviour::OutOfMemory, Ending::OutOfMemory { .. }) => true,
        _ => false,
    };
    if !is_right {
        let shown = |text: String| text.chars().take(600).collect::<String>();
        return Some(format!(
            "wrong ending: expected {}, observed {}",
            shown(format!("{:?}", plan.behaviour)),
            shown(format!("{:?}", seen.ending))
        ));
    }
    // A process that dies loses the output that it has not flushed.
    if !matches!(plan.behaviour, HookBehaviour::Returns(_) | HookBehaviour::ReturnsRandom | HookBehaviour::Raises(..)) {
        return None;
    }
    for (name, expected, output) in [("output", &plan.prints.0, &seen.stdout), ("error", &plan.prints.1, &seen.stderr)]
    {
        let is_right = match expected.len() {
            0..OUTPUT_BYTES => output.text == *expected,
            length => output.bytes == length as u64 && output.text.starts_with(&expected[..OUTPUT_BYTES]),
        };
        if !is_right {
            return Some(format!(
                "standard {name}: expected {expected:?}, observed {:?}",
                output.text.chars().take(600).collect::<String>()
            ));
        }
    }
    None
}

/// How the changes of state that a session left differ from the expected ones.
fn state_problem(planned: &[GeneratedHook], trace: &Trace) -> Option<String> {
    let ended = |seen: &&CallTrace| matches!(seen.ending, Ending::Returned(_) | Ending::Raised(_));
    // A process that has ended keeps no state.
    if trace.calls.iter().any(|seen| !ended(&seen)) {
        return None;
    }
    let expected: Vec<&String> = trace.calls.iter().filter_map(|seen| plan(planned, seen)?.changes.as_ref()).collect();
    let differs = expected.iter().any(|change| !trace.changes.contains(change))
        || expected.is_empty() != trace.changes.is_empty();
    differs.then(|| format!("state changed: expected {expected:?}, observed {:?}", trace.changes))
}

/// Whether two objects are equal, with NaN equal to NaN.
fn is_same(one: &Observed, other: &Observed) -> bool {
    let all = |one: &[Observed], other: &[Observed]| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
    };
    match (one, other) {
        (Observed::Float(one), Observed::Float(other)) => {
            one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan()
        }
        (Observed::List(one), Observed::List(other))
        | (Observed::Tuple(one), Observed::Tuple(other))
        | (Observed::Set(one), Observed::Set(other)) => all(one, other),
        (Observed::Dict(one), Observed::Dict(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(&one.0, &other.0) && is_same(&one.1, &other.1))
        }
        _ => one == other,
    }
}
