//! [`ObservedCall`]: one call as it ran, and [`ObservedSession`]: the calls of a case that `run` shows. Secrets are
//! `***` unless the user asked to see them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CodeLocation, OptionValue};
use crate::{
    case::{Session, Value},
    load::rounded,
    report::{Mask, plain},
    trace::{CallTrace, CapturedOutput, Ending, Trace},
};

/// How many characters of a text a finding's call keeps.
const TEXT_LIMIT: usize = 4000;

/// How many items of a list or dict a finding's call keeps.
const ITEMS_LIMIT: usize = 200;

/// What was observed of a session. Secrets are `***` unless `--show-secrets` was given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ObservedSession {
    /// The calls in order; one call has an entry for each round of questions.
    pub calls: Vec<ObservedCall>,
    /// Options that the case sets on top of the configuration.
    #[serde(default)]
    #[schemars(!default)]
    pub options: Vec<OptionValue>,
    /// What the platform's services contained when the session began.
    #[serde(default = "Value::empty_dict")]
    #[schemars(!default, with = "serde_json::Map<String, serde_json::Value>")]
    pub services: Value,
    /// The `cookie` that the plugin's next call would get.
    #[serde(default = "Value::empty_dict")]
    #[schemars(!default, with = "serde_json::Value")]
    pub cookie: Value,
    /// The `session_cookie` that the next call of any plugin would get.
    #[serde(default = "Value::empty_dict")]
    #[schemars(!default, with = "serde_json::Value")]
    pub session_cookie: Value,
    /// Cookies that the case begins with.
    #[serde(skip)]
    pub(crate) first_cookies: Vec<(&'static str, Value)>,
    /// Hooks of the case that were not called, since the session ended before.
    #[serde(skip)]
    pub(crate) not_called: Vec<&'static str>,
}

/// A call as it ran.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ObservedCall {
    /// Its position in the case, from 1.
    pub call: usize,
    /// 0, or after which answer the hook was called again.
    #[serde(default)]
    #[schemars(!default)]
    pub round: usize,
    /// The hook.
    pub hook: String,
    /// What the case passes, without the cookies.
    #[serde(default = "Value::empty_dict")]
    #[schemars(!default, with = "serde_json::Map<String, serde_json::Value>")]
    pub arguments: Value,
    /// returned, raised, exited, signalled, timed-out, out-of-memory, corrupted or cut-off.
    pub ending: String,
    /// What it returned or raised, its exit status or signal, as Python would write it.
    pub result: Option<String>,
    /// Where it ended, innermost first.
    #[serde(default)]
    #[schemars(!default)]
    pub frames: Vec<CodeLocation>,
    /// What it wrote to standard output.
    #[serde(default)]
    #[schemars(!default)]
    pub stdout: CallOutput,
    /// What it wrote to standard error.
    #[serde(default)]
    #[schemars(!default)]
    pub stderr: CallOutput,
    /// How long it took, construction of `Plugin` included.
    #[serde(default)]
    #[schemars(!default)]
    pub elapsed_ms: f64,
    /// Files in the session's folders after the call.
    #[serde(default)]
    #[schemars(!default)]
    pub files: Vec<String>,
    #[serde(skip)]
    pub(crate) details: CallDetails,
}

/// What only the run itself knows of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallDetails {
    /// Whether the second plugin of the session was called.
    pub(crate) is_other_plugin: bool,
    /// The answer that this round passes.
    pub(crate) answer: Option<String>,
    /// Whether `Plugin(configuration)` raised, rather than the hook.
    pub(crate) in_constructor: bool,
    /// The limit that ended it: `2.0 s`, `512 MB`.
    pub(crate) limit: Option<String>,
    /// How many lines each of its files has.
    pub(crate) file_lines: Vec<usize>,
}

/// What a call wrote to one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallOutput {
    /// The beginning and, if it was long, the end.
    pub text: String,
    /// How many bytes were written in all.
    pub bytes: u64,
}

impl ObservedSession {
    pub(crate) fn new(session: &Session, trace: &Trace, mask: &Mask) -> Self {
        let is_called = |index: usize| trace.calls.iter().any(|call| call.call == index);
        let not_called = session.calls.iter().enumerate().filter(|(index, _)| !is_called(*index));
        let first_cookies = [("cookie", &session.cookie), ("session_cookie", &session.session_cookie)];
        Self {
            calls: trace.calls.iter().map(|call| ObservedCall::new(call, session, &trace.calls, mask)).collect(),
            options: session.options.iter().map(|option| OptionValue::new(option, mask)).collect(),
            services: mask.services(&session.services),
            cookie: mask.value(&trace.cookie),
            session_cookie: mask.value(&trace.session_cookie),
            first_cookies: first_cookies.map(|(name, cookie)| (name, mask.value(cookie))).into(),
            not_called: not_called.map(|(_, call)| call.hook.name()).collect(),
        }
    }
}

impl ObservedCall {
    /// `call` of `session`; `calls` are those that tell which answers were typed openly.
    pub(super) fn new(call: &CallTrace, session: &Session, calls: &[CallTrace], mask: &Mask) -> Self {
        let case = session.calls.get(call.call);
        let given = case.map_or(&[][..], |case| &case.arguments);
        let arguments =
            given.iter().map(|(argument, value)| (argument.name().to_owned(), mask.argument(*argument, value)));
        let (ending, result) = match &call.ending {
            Ending::Returned(result) => ("returned", Some(mask.result(result).to_string())),
            Ending::Raised(exception) => {
                ("raised", Some(format!("{}: {}", exception.type_name, mask.text(&exception.message))))
            }
            Ending::Exited { status, .. } => ("exited", Some(status.to_string())),
            Ending::Signalled { signal, .. } => ("signalled", Some(signal.to_string())),
            Ending::TimedOut { .. } | Ending::EndedEarly { .. } => ("timed-out", None),
            Ending::OutOfMemory { .. } => ("out-of-memory", None),
            Ending::Corrupted => ("corrupted", None),
            Ending::CutOff => ("cut-off", None),
        };
        let output = |output: &CapturedOutput| CallOutput { text: mask.text(&output.text), bytes: output.bytes };
        let answer = case.zip(call.round.checked_sub(1));
        Self {
            call: call.call + 1,
            round: call.round,
            hook: call.hook.name().to_owned(),
            arguments: Value::Dict(arguments.collect()),
            ending: ending.to_owned(),
            result,
            frames: call.ending.frames().iter().map(CodeLocation::of_frame).collect(),
            stdout: output(&call.stdout),
            stderr: output(&call.stderr),
            elapsed_ms: rounded(call.elapsed.as_secs_f64() * 1e3),
            files: call.files.iter().map(|file| file.path.clone()).collect(),
            details: CallDetails {
                is_other_plugin: case.is_some_and(|case| case.other),
                answer: answer.and_then(|(case, number)| mask.answers(case, call.call, calls).get(number).cloned()),
                in_constructor: matches!(&call.ending, Ending::Raised(exception) if exception.in_constructor),
                limit: match &call.ending {
                    Ending::TimedOut { limit, .. } => Some(plain::elapsed(*limit)),
                    Ending::OutOfMemory { limit, .. } => Some(format!("{} MB", limit / (1024 * 1024))),
                    _ => None,
                },
                file_lines: call.files.iter().map(|file| file.text.lines().count()).collect(),
            },
        }
    }

    /// With its long texts cut, as a finding keeps it: the case has all.
    pub(super) fn shortened(mut self) -> Self {
        self.arguments = shortened(&self.arguments);
        self.result = self.result.as_deref().map(cut);
        for output in [&mut self.stdout, &mut self.stderr] {
            output.text = cut(&output.text);
        }
        self
    }

    /// The arguments in order.
    pub(crate) fn arguments(&self) -> &[(String, Value)] {
        self.arguments.as_dict().unwrap_or_default()
    }
}

/// The value with its long parts cut.
pub(super) fn shortened(value: &Value) -> Value {
    match value {
        Value::Str(text) => Value::Str(cut(text)),
        Value::List(items) => Value::List(items.iter().take(ITEMS_LIMIT).map(shortened).collect()),
        Value::Dict(entries) => {
            Value::Dict(entries.iter().take(ITEMS_LIMIT).map(|(key, value)| (cut(key), shortened(value))).collect())
        }
        _ => value.clone(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::examples;

    #[test]
    fn a_session_is_reported_without_its_secrets() {
        let (session, trace) = (examples::session(), examples::trace());
        let mask = Mask::default().with_session(&session, &trace.calls);
        let text = serde_json::to_string_pretty(&ObservedSession::new(&session, &trace, &mask)).unwrap();
        assert!(!text.contains("hunter22") && !text.contains("correct horse"), "{text}");
        assert!(text.contains(r#""result": "{'passwords': ['***'], 'cookie': {'lease': b'7'}}""#), "{text}");
        assert!(text.contains(r#""ending": "raised""#) && text.contains(r#""result": "KeyError: 'lease'""#), "{text}");
    }
}
