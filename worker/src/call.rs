//! One call: `Plugin(configuration)`, then the hook with its arguments by name. The hot path of the worker.

use hookstorm::{
    case::{Call, SetOption, Value},
    contract::{Argument, Hook},
    runtime::protocol::{
        flow::{After, after_verdict},
        wire::{Writer, ending},
    },
};
use pyo3::{
    ffi,
    prelude::*,
    types::{PyBool, PyDict, PyString, PyTuple},
};

use crate::{
    convert,
    exception::{self, Left},
    plugin::{Plugin, Takes},
};

/// What a call gets beside its arguments.
pub(crate) struct Given<'a, 'py> {
    /// `cookie`; the plugin may change it.
    pub(crate) cookie: Bound<'py, PyAny>,
    /// `session_cookie`; the plugin may change it.
    pub(crate) session_cookie: Bound<'py, PyAny>,
    /// Answers that stand in `key_value_pairs` from now on.
    pub(crate) answered: &'a [(String, String)],
}

/// What a call gave, beside what was written down.
pub(crate) struct Gave<'py> {
    /// How the session goes on.
    pub(crate) after: After,
    /// `cookie` in the result, as it comes out of JSON.
    pub(crate) cookie: Option<Bound<'py, PyAny>>,
    /// `session_cookie` in the result, as it comes out of JSON.
    pub(crate) session_cookie: Option<Bound<'py, PyAny>>,
}

/// Makes the call and writes down how it ended. `things` is how many objects may still be written, and becomes what is left.
pub(crate) fn make<'py>(
    py: Python<'py>,
    plugin: &mut Plugin,
    call: &Call,
    options: &[SetOption],
    given: Given<'_, 'py>,
    writer: &mut Writer,
    things: &mut usize,
) -> Gave<'py> {
    let broke = Gave { after: After::Broke, cookie: None, session_cookie: None };
    let instance = plugin.construct(py, options);
    let result = match instance {
        Ok(instance) => {
            let takes = match &mut plugin.hooks[call.hook as usize] {
                Some(takes) => takes,
                // Only the instance has it. What it takes is asked for once.
                empty => empty.insert(takes_of_instance(py, &instance, call.hook)),
            };
            invoke(py, &instance, takes, call, given).map_err(|error| (error, false))
        }
        Err(error) => Err((error, true)),
    };
    match result {
        Ok(result) => {
            if call.cut_off {
                writer.byte(ending::CUT_OFF);
                return Gave { after: After::Going, cookie: None, session_cookie: None };
            }
            writer.byte(ending::RETURNED);
            *things = convert::observe(writer, &result, *things);
            read_result(py, call.hook, &result)
        }
        Err((error, in_constructor)) => {
            if call.cut_off {
                writer.byte(ending::CUT_OFF);
                return Gave { after: After::Going, cookie: None, session_cookie: None };
            }
            match exception::read(py, &error, &plugin.origins, in_constructor) {
                Left::Raised(exception) => {
                    writer.byte(ending::RAISED);
                    writer.exception(&exception);
                }
                Left::Exited(status, frames) => {
                    writer.byte(ending::EXITED);
                    writer.signed(i64::from(status));
                    writer.frames(&frames);
                }
                Left::OutOfMemory(frames) => {
                    writer.byte(ending::OUT_OF_MEMORY);
                    writer.frames(&frames);
                }
            }
            broke
        }
    }
}

fn takes_of_instance(py: Python<'_>, instance: &Bound<'_, PyAny>, hook: Hook) -> Takes {
    let seen = instance.getattr(hook.name()).and_then(|bound| {
        crate::interpreter::bootstrap(py)?
            .call_method1("parameters_of", (bound, false))?
            .extract::<Option<(Vec<(String, bool, bool)>, bool)>>()
    });
    match seen {
        Ok(Some((parameters, takes_any))) => {
            let parameters: Vec<_> = parameters
                .into_iter()
                .map(|(name, required, positional_only)| hookstorm::trace::Parameter {
                    name,
                    required,
                    positional_only,
                })
                .collect();
            Takes::new(py, hook, &parameters, takes_any)
        }
        _ => Takes::new(py, hook, &[], true),
    }
}

/// Calls the hook by name with what its signature takes of the arguments.
fn invoke<'py>(
    py: Python<'py>,
    instance: &Bound<'py, PyAny>,
    takes: &mut Takes,
    call: &Call,
    given: Given<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    // One place in front for the callee's own use, one for the instance.
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
    let takes_it = |argument: Argument| takes.mask & (1 << argument as u8) != 0;
    if takes_it(Argument::Cookie) {
        push(Argument::Cookie, given.cookie);
    }
    if takes_it(Argument::SessionCookie) {
        push(Argument::SessionCookie, given.session_cookie);
    }
    let mut seen = 0_u64;
    for (argument, value) in &call.arguments {
        let bit = 1 << *argument as u8;
        if takes.mask & bit == 0 || seen & bit != 0 {
            continue;
        }
        seen |= bit;
        let object = convert::to_python(py, value)?;
        if *argument == Argument::KeyValuePairs
            && !given.answered.is_empty()
            && let Ok(pairs) = object.cast::<PyDict>()
        {
            for (key, answer) in given.answered {
                pairs.set_item(key, answer)?;
            }
        }
        push(*argument, object);
    }
    let names = &names[..count];
    let kwnames = match &takes.names {
        Some((known, tuple)) if known == names => tuple.bind(py).clone(),
        _ => {
            let tuple = PyTuple::new(py, names.iter().map(|argument| PyString::intern(py, argument.name())))?;
            takes.names = Some((names.to_vec(), tuple.clone().unbind()));
            tuple
        }
    };
    stack[1] = instance.as_ptr();
    // SAFETY: from the second place on the stack holds the instance and `count` objects, all kept alive by `instance`
    // and `held` until after the call; the tuple has `count` strings; the first place is the callee's to write to, as
    // the flag says. The result is a new reference or null with an exception set.
    unsafe {
        let result = ffi::PyObject_VectorcallMethod(
            takes.name.as_ptr(),
            stack.as_ptr().add(1),
            1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET,
            kwnames.as_ptr(),
        );
        Bound::from_owned_ptr_or_err(py, result)
    }
}

/// What of a result decides how the session goes on.
fn read_result<'py>(py: Python<'py>, hook: Hook, result: &Bound<'py, PyAny>) -> Gave<'py> {
    let mut gave = Gave { after: After::Going, cookie: None, session_cookie: None };
    let Ok(result) = result.cast::<PyDict>() else { return gave };
    if result.is_empty() {
        return gave;
    }
    let item = |name: &str| result.get_item(PyString::intern(py, name)).ok().flatten();
    let cookie = |name: &str| {
        item(name).filter(|value| value.is_instance_of::<PyDict>()).and_then(|value| convert::through_json(&value).ok())
    };
    // What `session_ended` returns is dropped [G].
    if hook != Hook::SessionEnded {
        gave.cookie = cookie("cookie");
        gave.session_cookie = cookie("session_cookie");
    }
    if matches!(hook, Hook::Authenticate | Hook::Authorize) {
        let verdict = item("verdict").filter(|verdict| !verdict.is_none());
        let verdict = verdict
            .as_ref()
            .map(|verdict| verdict.cast::<PyString>().ok().and_then(|text| text.to_str().ok()).unwrap_or("no verdict"));
        gave.after = match verdict {
            Some("NEEDINFO") => item("question").and_then(|question| asked(&question)).unwrap_or(After::Refused),
            verdict => after_verdict(verdict),
        };
    }
    gave
}

/// A question: (key, prompt, disable_echo).
fn asked(question: &Bound<'_, PyAny>) -> Option<After> {
    let get = |index: usize| question.get_item(index).ok();
    let key = get(0)?.cast::<PyString>().ok()?.to_str().ok()?.to_owned();
    let disable_echo = get(2).is_some_and(|flag| flag.cast_exact::<PyBool>().is_ok_and(|flag| flag.is_true()));
    Some(After::Asked { key, disable_echo })
}

/// A cookie to begin a session with.
pub(crate) fn cookie<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    convert::to_python(py, value)
}
