//! One call: `Plugin(configuration)`, then the hook with its arguments by name. The hot path of the worker.

use hookstorm::{
    case::{Call, SetOption},
    contract::{Argument, Hook},
    runtime::protocol::{
        session_flow::{CallOutcome, verdict_outcome},
        wire::{Writer, ending},
    },
    trace::CookieValue,
};
use pyo3::{
    ffi,
    prelude::*,
    types::{PyBool, PyDict, PyString, PyTuple},
};

use crate::{
    convert,
    exception::{self, Failure},
    plugin::{AcceptedArguments, Plugin},
};

/// What a call gets beside its arguments.
pub(crate) struct CallContext<'a, 'py> {
    /// `cookie`; the plugin may change it.
    pub(crate) cookie: Bound<'py, PyAny>,
    /// `session_cookie`; the plugin may change it.
    pub(crate) session_cookie: Bound<'py, PyAny>,
    /// Answers to add to `key_value_pairs`.
    pub(crate) answered: &'a [(String, String)],
}

/// What a call returned for the session, beside what was written.
pub(crate) struct CallResult<'py> {
    /// What the end of the call means for the session.
    pub(crate) outcome: CallOutcome,
    /// `cookie` in the result, after a way through JSON.
    pub(crate) cookie: Option<Bound<'py, PyAny>>,
    /// `session_cookie` in the result, after a way through JSON.
    pub(crate) session_cookie: Option<Bound<'py, PyAny>>,
    /// The values and keys of both that have another type after that way.
    pub(crate) changed_types: Vec<CookieValue>,
}

/// Makes the call and writes its ending. `objects_left` says how many objects may still be written; it is updated.
pub(crate) fn make<'py>(
    py: Python<'py>,
    plugin: &mut Plugin,
    call: &Call,
    options: &[SetOption],
    context: CallContext<'_, 'py>,
    writer: &mut Writer,
    objects_left: &mut usize,
) -> CallResult<'py> {
    let without_cookies =
        |outcome| CallResult { outcome, cookie: None, session_cookie: None, changed_types: Vec::new() };
    let (cookie, session_cookie) = (context.cookie.clone(), context.session_cookie.clone());
    let instance = plugin.construct(py, options);
    let result = match instance {
        Ok(instance) => {
            let accepted = match &mut plugin.hooks[call.hook as usize] {
                Some(accepted) => accepted,
                // Only the instance has this hook. Its parameters are looked up once.
                empty => empty.insert(accepted_by_instance(py, &instance, call.hook)),
            };
            invoke(py, &instance, accepted, call, context).map_err(|error| (error, false))
        }
        Err(error) => Err((error, true)),
    };
    match result {
        Ok(result) => {
            if call.cut_off {
                writer.byte(ending::CUT_OFF);
                return without_cookies(CallOutcome::Continue);
            }
            writer.byte(ending::RETURNED);
            *objects_left = convert::observe(writer, &result, *objects_left);
            read_result(py, call.hook, &result)
        }
        Err((error, in_constructor)) => {
            if call.cut_off {
                writer.byte(ending::CUT_OFF);
                return without_cookies(CallOutcome::Continue);
            }
            match exception::read(py, &error, &plugin.origins, in_constructor) {
                Failure::Raised(mut exception) => {
                    let cookies = [("cookie", &cookie), ("session_cookie", &session_cookie)];
                    exception.operands = exception::operands(py, &error, &cookies, &plugin.origins);
                    writer.byte(ending::RAISED);
                    writer.exception(&exception);
                }
                Failure::Exited(status, frames) => {
                    writer.byte(ending::EXITED);
                    writer.signed(i64::from(status));
                    writer.frames(&frames);
                }
                Failure::OutOfMemory(frames) => {
                    writer.byte(ending::OUT_OF_MEMORY);
                    writer.frames(&frames);
                }
            }
            without_cookies(CallOutcome::Aborted)
        }
    }
}

fn accepted_by_instance(py: Python<'_>, instance: &Bound<'_, PyAny>, hook: Hook) -> AcceptedArguments {
    let signature = instance.getattr(hook.name()).and_then(|bound| {
        crate::interpreter::bootstrap(py)?
            .call_method1("parameters_of", (bound, false))?
            .extract::<Option<(Vec<(String, bool, bool)>, bool)>>()
    });
    match signature {
        Ok(Some((parameters, takes_any))) => {
            let parameters: Vec<_> = parameters
                .into_iter()
                .map(|(name, required, positional_only)| hookstorm::trace::Parameter {
                    name,
                    required,
                    positional_only,
                })
                .collect();
            AcceptedArguments::new(py, hook, &parameters, takes_any)
        }
        _ => AcceptedArguments::new(py, hook, &[], true),
    }
}

/// Calls the hook by name, with those of the arguments that its signature accepts.
fn invoke<'py>(
    py: Python<'py>,
    instance: &Bound<'py, PyAny>,
    accepted: &mut AcceptedArguments,
    call: &Call,
    context: CallContext<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    // The first place is for the callee's own use, the second one for the instance.
    let mut stack: [*mut ffi::PyObject; Argument::ALL.len() + 2] = [std::ptr::null_mut(); Argument::ALL.len() + 2];
    let mut held: [Option<Bound<'py, PyAny>>; Argument::ALL.len()] = [const { None }; Argument::ALL.len()];
    let mut names: [Argument; Argument::ALL.len()] = [Argument::Cookie; Argument::ALL.len()];
    let mut count = 0;
    let mut push = |argument: Argument, value: Bound<'py, PyAny>| {
        stack[2 + count] = value.as_ptr();
        held[count] = Some(value);
        names[count] = argument;
        count += 1;
    };
    let is_accepted = |argument: Argument| accepted.mask & (1 << argument as u8) != 0;
    if is_accepted(Argument::Cookie) {
        push(Argument::Cookie, context.cookie);
    }
    if is_accepted(Argument::SessionCookie) {
        push(Argument::SessionCookie, context.session_cookie);
    }
    let mut seen = 0_u64;
    for (argument, value) in &call.arguments {
        let bit = 1 << *argument as u8;
        if accepted.mask & bit == 0 || seen & bit != 0 {
            continue;
        }
        seen |= bit;
        let object = convert::to_python(py, value)?;
        if *argument == Argument::KeyValuePairs
            && !context.answered.is_empty()
            && let Ok(pairs) = object.cast::<PyDict>()
        {
            for (key, answer) in context.answered {
                pairs.set_item(key, answer)?;
            }
        }
        push(*argument, object);
    }
    let names = &names[..count];
    let kwnames = match &accepted.names {
        Some((known, tuple)) if known == names => tuple.bind(py).clone(),
        _ => {
            let tuple = PyTuple::new(py, names.iter().map(|argument| PyString::intern(py, argument.name())))?;
            accepted.names = Some((names.to_vec(), tuple.clone().unbind()));
            tuple
        }
    };
    stack[1] = instance.as_ptr();
    // SAFETY: from the second place on, the stack has the instance and `count` objects, which `instance` and `held`
    // keep alive until after the call. The tuple has `count` strings. The callee may write to the first place, as the
    // flag says. The result is a new reference or null with an exception set.
    unsafe {
        let result = ffi::PyObject_VectorcallMethod(
            accepted.name.as_ptr(),
            stack.as_ptr().add(1),
            1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET,
            kwnames.as_ptr(),
        );
        Bound::from_owned_ptr_or_err(py, result)
    }
}

/// What a result means for the session.
fn read_result<'py>(py: Python<'py>, hook: Hook, result: &Bound<'py, PyAny>) -> CallResult<'py> {
    let mut read =
        CallResult { outcome: CallOutcome::Continue, cookie: None, session_cookie: None, changed_types: Vec::new() };
    let Ok(result) = result.cast::<PyDict>() else { return read };
    if result.is_empty() {
        return read;
    }
    let item = |name: &str| result.get_item(PyString::intern(py, name)).ok().flatten();
    let mut cookie = |name: &str| {
        let whole = item(name).filter(|value| value.is_instance_of::<PyDict>())?;
        let passed = convert::through_json(&whole).ok()?;
        if !convert::keeps_types(&whole) {
            read.changed_types.extend(exception::changed_types(py, &[(name, &whole)]));
            read.changed_types.truncate(CookieValue::LIMIT);
        }
        Some(passed)
    };
    // The platform drops what `session_ended` returns [G].
    if hook != Hook::SessionEnded {
        let cookies = (cookie("cookie"), cookie("session_cookie"));
        (read.cookie, read.session_cookie) = cookies;
    }
    if matches!(hook, Hook::Authenticate | Hook::Authorize) {
        let verdict = item("verdict").filter(|verdict| !verdict.is_none());
        let verdict = verdict
            .as_ref()
            .map(|verdict| verdict.cast::<PyString>().ok().and_then(|text| text.to_str().ok()).unwrap_or("no verdict"));
        read.outcome = match verdict {
            Some("NEEDINFO") => item("question").and_then(|question| asked(&question)).unwrap_or(CallOutcome::Refused),
            verdict => verdict_outcome(verdict),
        };
    }
    read
}

/// The outcome of a question: (key, prompt, disable_echo).
fn asked(question: &Bound<'_, PyAny>) -> Option<CallOutcome> {
    let get = |index: usize| question.get_item(index).ok();
    let key = get(0)?.cast::<PyString>().ok()?.to_str().ok()?.to_owned();
    let disable_echo = get(2).is_some_and(|flag| flag.cast_exact::<PyBool>().is_ok_and(|flag| flag.is_true()));
    Some(CallOutcome::Asked { key, disable_echo })
}
