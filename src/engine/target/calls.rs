//! Calls the hooks of a generated plugin, each in a process of its own and many in one, and holds traces and findings
//! against what each hook was built to do.

use std::time::Duration;

use crate::{
    case::Session,
    contract::Hook,
    finding::Rule,
    generate::{
        Domain, Expect, nominal_session,
        package::PackageMade,
        plugin::{Act, PlannedHook},
    },
    oracle::{self, PluginUnderTest},
    runtime::{Executor, Isolation, RuntimeError, Worker},
    trace::{CallTrace, Ending, Loading, Observed, PluginTokens, Trace},
};

/// What a call gets that ran out of time although it should not: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of what a call writes is held against what it was built to write.
const OUTPUT: usize = 1000;

/// How the calls differ from what was built.
pub(super) fn compare(
    made: &PackageMade,
    subject: &PluginUnderTest,
    loading: &Loading,
    worker: &mut Worker,
) -> Result<Option<String>, RuntimeError> {
    let planned = &made.plugin.hooks;
    if let Some(hook) = planned.iter().find(|planned| !loading.hooks.iter().any(|seen| seen.hook == planned.hook)) {
        return Ok(Some(format!("hook {} was not seen", hook.hook)));
    }
    let hooks: Vec<Hook> = planned.iter().map(|planned| planned.hook).collect();
    let domain = Domain::new(made.plugin_type, made.platform, hooks, PluginTokens::default());
    let mut everyday = nominal_session(&domain, 0);
    everyday.calls.iter_mut().for_each(|call| call.answers.clear());
    // Each hook alone, so that none is hidden behind one that breaks, and then all in a row.
    let mut sessions: Vec<Session> =
        everyday.calls.iter().map(|call| Session { calls: vec![call.clone()], ..everyday.clone() }).collect();
    sessions.push(everyday);

    let traces = worker.run(&sessions, Isolation::Persistent)?;
    for (session, persistent) in sessions.iter().zip(&traces) {
        let mut isolated = one(worker.run(std::slice::from_ref(session), Isolation::Isolated)?);
        let hangs = |trace: &Trace| {
            trace.calls.iter().any(|seen| {
                matches!(seen.ending, Ending::TimedOut { .. })
                    && plan(planned, seen).is_none_or(|plan| plan.act != Act::TimesOut)
            })
        };
        if hangs(&isolated) {
            isolated = worker.run_with_timeout(session, PATIENCE)?;
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
        let is_unsteady = |seen: &CallTrace| plan(planned, seen).is_some_and(|plan| plan.act == Act::ReturnsSomething);
        let unsteady = isolated.calls.iter().any(is_unsteady);
        let differs = oracle::difference(&isolated, persistent).is_some() && !hangs(persistent);
        if differs != unsteady && !hangs(persistent) {
            let words = if unsteady { "show no difference, and the result is random" } else { "differ" };
            return Ok(Some(format!(
                "isolated and persistent {words}: {:?}",
                oracle::difference(&isolated, persistent)
            )));
        }
        let finding = oracle::nondeterministic(subject, session, &isolated, persistent);
        if unsteady != finding.is_some_and(|finding| finding.rule == Rule::Nondeterministic) && !hangs(persistent) {
            return Ok(Some("nondeterministic is not found, or is found where nothing is random".into()));
        }
    }
    Ok(None)
}

fn one(traces: Vec<Trace>) -> Trace {
    traces.into_iter().next().unwrap_or_default()
}

fn plan<'a>(planned: &'a [PlannedHook], seen: &CallTrace) -> Option<&'a PlannedHook> {
    planned.iter().find(|plan| plan.hook == seen.hook)
}

/// How a session's trace, and what the oracles make of it, differ from what its hooks were built to do.
fn session_problem(
    planned: &[PlannedHook],
    subject: &PluginUnderTest,
    session: &Session,
    trace: &Trace,
) -> Option<String> {
    let due = due(planned, session);
    let made: Vec<Hook> = trace.calls.iter().map(|seen| seen.hook).collect();
    if let Some(due) = &due
        && *due != made
    {
        return Some(format!("calls were due to {due:?}, and made to {made:?}"));
    }
    let mut expect = Expect::default();
    for seen in &trace.calls {
        let plan = plan(planned, seen)?;
        if let Some(problem) = call_problem(plan, seen) {
            return Some(format!("`{}`: {problem}", seen.hook));
        }
        expect.findings.extend(plan.expected.iter().cloned());
    }
    expect.difference(&oracle::judge(subject, session, trace))
}

/// The calls that must be made: none behind one that breaks, only the last behind a refusal. `None` where the verdict is
/// no text, and what the platform makes of it nobody knows.
fn due(planned: &[PlannedHook], session: &Session) -> Option<Vec<Hook>> {
    let mut due = Vec::new();
    let mut refused = false;
    for call in &session.calls {
        if refused && call.hook != Hook::SessionEnded {
            continue;
        }
        due.push(call.hook);
        let act = &planned.iter().find(|plan| plan.hook == call.hook)?.act;
        if act.breaks() {
            break;
        }
        if let Act::Returns(result) = act
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

fn call_problem(plan: &PlannedHook, seen: &CallTrace) -> Option<String> {
    let is_right = match (&plan.act, &seen.ending) {
        (Act::Returns(built), Ending::Returned(seen)) => is_same(built, seen),
        (Act::ReturnsSomething, Ending::Returned(seen)) => matches!(seen, Observed::Dict(_)),
        (Act::Raises(type_name, message), Ending::Raised(exception)) => {
            exception.type_name == *type_name
                && message.as_ref().is_none_or(|message| *message == exception.message)
                && !exception.in_constructor
        }
        (Act::Exits(built), Ending::Exited { status, .. }) => built == status,
        (Act::Signalled(built), Ending::Signalled { signal, .. }) => built == signal,
        (Act::TimesOut, Ending::TimedOut { .. }) | (Act::OutOfMemory, Ending::OutOfMemory { .. }) => true,
        _ => false,
    };
    if !is_right {
        let shown = |text: String| text.chars().take(600).collect::<String>();
        return Some(format!(
            "ended otherwise: built {}, seen {}",
            shown(format!("{:?}", plan.act)),
            shown(format!("{:?}", seen.ending))
        ));
    }
    // What a process that dies has not flushed yet is lost with it.
    if !matches!(plan.act, Act::Returns(_) | Act::ReturnsSomething | Act::Raises(..)) {
        return None;
    }
    for (name, built, output) in [("output", &plan.prints.0, &seen.stdout), ("error", &plan.prints.1, &seen.stderr)] {
        let is_right = match built.len() {
            0..OUTPUT => output.text == *built,
            length => output.bytes == length as u64 && output.text.starts_with(&built[..OUTPUT]),
        };
        if !is_right {
            return Some(format!(
                "standard {name}: built {built:?}, seen {:?}",
                output.text.chars().take(600).collect::<String>()
            ));
        }
    }
    None
}

/// Whether what a session changed in its process was seen, and nothing else.
fn state_problem(planned: &[PlannedHook], trace: &Trace) -> Option<String> {
    let ended = |seen: &&CallTrace| matches!(seen.ending, Ending::Returned(_) | Ending::Raised(_));
    // A process that is gone carries nothing over.
    if trace.calls.iter().any(|seen| !ended(&seen)) {
        return None;
    }
    let built: Vec<&String> = trace.calls.iter().filter_map(|seen| plan(planned, seen)?.changes.as_ref()).collect();
    let differs =
        built.iter().any(|change| !trace.changes.contains(change)) || built.is_empty() != trace.changes.is_empty();
    differs.then(|| format!("state changed: built {built:?}, seen {:?}", trace.changes))
}

/// Whether two objects are the same, NaN included.
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
