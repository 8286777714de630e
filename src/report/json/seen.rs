//! What `run` saw, in the report for machines.

use schemars::JsonSchema;
use serde::Serialize;

use super::LocationJson;
use crate::{
    case::{Session, Value},
    load::rounded,
    report::{Mask, Seen},
    trace::{CallTrace, CapturedOutput, Ending},
};

/// How many characters of a text are told of a finding's call.
const TEXT_LIMIT: usize = 4000;

/// How many items of a list or dict are told of a finding's call.
const ITEMS_LIMIT: usize = 200;

/// What was seen of a session. Secrets are `***` unless `--show-secrets` was given.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TraceJson {
    calls: Vec<CallJson>,
    /// Options that the case sets on top of the configuration.
    options: Vec<OptionJson>,
    /// What the platform's services held when the session began.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    services: Value,
    /// What the plugin's next call would get.
    #[schemars(with = "serde_json::Value")]
    cookie: Value,
    /// What any plugin's next call would get.
    #[schemars(with = "serde_json::Value")]
    session_cookie: Value,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OptionJson {
    section: String,
    name: String,
    value: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CallJson {
    /// Its place in the case, from 1.
    call: usize,
    /// 0, or after which answer the hook was called again.
    round: usize,
    hook: &'static str,
    /// What the case passes, without the cookies.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    arguments: Value,
    /// returned, raised, exited, signalled, timed-out, out-of-memory, corrupted or cut-off.
    ending: &'static str,
    /// What it returned, raised or ended with, as Python would write it.
    result: Option<String>,
    /// Where it ended, innermost first.
    frames: Vec<LocationJson>,
    stdout: OutputJson,
    stderr: OutputJson,
    elapsed_ms: f64,
    /// Files that lie in the session's folders after the call.
    files: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OutputJson {
    /// The beginning and, where it was long, the end.
    text: String,
    /// How many bytes were written in all.
    bytes: u64,
}

impl TraceJson {
    pub(super) fn new(seen: &Seen<'_>) -> Self {
        Self {
            calls: seen.trace.calls.iter().map(|call| CallJson::new(call, seen.session, seen.mask)).collect(),
            options: seen
                .session
                .options
                .iter()
                .map(|option| OptionJson {
                    section: option.section.clone(),
                    name: option.name.clone(),
                    value: seen.mask.option(option),
                })
                .collect(),
            services: seen.mask.services(&seen.session.services),
            cookie: seen.mask.value(&seen.trace.cookie),
            session_cookie: seen.mask.value(&seen.trace.session_cookie),
        }
    }
}

impl CallJson {
    pub(super) fn new(call: &CallTrace, session: &Session, mask: &Mask) -> Self {
        let given = session.calls.get(call.call).map_or(&[][..], |case| &case.arguments);
        let arguments =
            given.iter().map(|(argument, value)| (argument.name().to_owned(), mask.argument(*argument, value)));
        let (ending, result) = match &call.ending {
            Ending::Returned(result) => ("returned", Some(mask.result(result).to_string())),
            Ending::Raised(exception) => {
                ("raised", Some(format!("{}: {}", exception.type_name, mask.text(&exception.message))))
            }
            Ending::Exited { status, .. } => ("exited", Some(status.to_string())),
            Ending::Signalled { signal, .. } => ("signalled", Some(signal.to_string())),
            Ending::TimedOut { .. } => ("timed-out", None),
            Ending::OutOfMemory { .. } => ("out-of-memory", None),
            Ending::Corrupted => ("corrupted", None),
            Ending::CutOff => ("cut-off", None),
        };
        let output = |output: &CapturedOutput| OutputJson { text: mask.text(&output.text), bytes: output.bytes };
        Self {
            call: call.call + 1,
            round: call.round,
            hook: call.hook.name(),
            arguments: Value::Dict(arguments.collect()),
            ending,
            result,
            frames: call.ending.frames().iter().map(LocationJson::of_frame).collect(),
            stdout: output(&call.stdout),
            stderr: output(&call.stderr),
            elapsed_ms: rounded(call.elapsed.as_secs_f64() * 1e3),
            files: call.files.iter().map(|file| file.path.clone()).collect(),
        }
    }
    /// With its long texts cut.
    pub(super) fn shortened(mut self) -> Self {
        self.arguments = shortened(&self.arguments);
        self.result = self.result.as_deref().map(cut);
        for output in [&mut self.stdout, &mut self.stderr] {
            output.text = cut(&output.text);
        }
        self
    }
}

fn shortened(value: &Value) -> Value {
    match value {
        Value::Str(text) => Value::Str(cut(text)),
        Value::List(items) => Value::List(items.iter().take(ITEMS_LIMIT).map(shortened).collect()),
        Value::Dict(entries) => {
            Value::Dict(entries.iter().take(ITEMS_LIMIT).map(|(key, value)| (cut(key), shortened(value))).collect())
        }
        _ => value.clone(),
    }
}

/// The first characters of a text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
