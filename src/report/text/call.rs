//! A session in full, for `run`: for each call its arguments, how it ended, what it wrote and how long it took.

use std::time::Duration;

use crate::{
    case::Value,
    report::{
        CallOutput, ObservedCall, ObservedSession, plain,
        style::{ERROR, GOOD, LABEL, STRONG},
    },
};

/// How many characters of one value, result or line are shown; JSON has all.
const VALUE_LIMIT: usize = 4000;

/// How many characters of a service's content are shown.
const SERVICE_LIMIT: usize = 400;

/// How many lines of one output are shown.
const LINES_LIMIT: usize = 40;

/// How many frames of a stack are shown.
const FRAMES_LIMIT: usize = 12;

/// The session, call by call, and the cookies that it ended with.
pub(super) fn session_text(session: &ObservedSession) -> String {
    let mut text = String::new();
    for (name, cookie) in &session.first_cookies {
        text.push_str(&value(name, cookie));
    }
    for option in &session.options {
        let line = format!("[{}] {} = {}", option.section, option.name, option.value);
        text.push_str(&row("option", &shown(&plain::harmless(&line))));
    }
    for (name, service) in session.services.as_dict().unwrap_or_default() {
        text.push_str(&row(name, &plain::cut(&plain::json(&short(service)), SERVICE_LIMIT)));
    }
    for call in &session.calls {
        text.push_str(&call_text(call));
    }
    if !session.not_called.is_empty() {
        text.push_str(&format!("\nnot called, since the session ended before: {}\n", session.not_called.join(", ")));
    }
    text.push_str(&format!("\n{STRONG}in the end{STRONG:#}\n"));
    text.push_str(&value("cookie", &session.cookie));
    text.push_str(&value("session_cookie", &session.session_cookie));
    text.push('\n');
    text
}

fn call_text(call: &ObservedCall) -> String {
    let round = if call.round == 0 { String::new() } else { format!(", after answer {}", call.round) };
    let other = if call.details.is_other_plugin { ", of the other plugin" } else { "" };
    let time = Duration::try_from_secs_f64(call.elapsed_ms / 1e3).unwrap_or_default();
    let hook = plain::harmless(&call.hook);
    let time = plain::elapsed_exactly(time);
    let mut text = format!("\n{STRONG}call {}: {hook}{STRONG:#}{other}{round}, {time}\n", call.call);
    for (argument, given) in call.arguments() {
        text.push_str(&value(argument, given));
    }
    if let Some(answer) = &call.details.answer {
        text.push_str(&value("answer", &Value::Str(answer.clone())));
    }
    text.push_str(&ending(call));
    text.push_str(&output("stdout", &call.stdout));
    text.push_str(&output("stderr", &call.stderr));
    for (index, file) in call.files.iter().enumerate() {
        let lines = call.details.file_lines.get(index).map(|lines| plain::counted(*lines as u64, "line"));
        let lines = lines.map(|lines| format!(" ({lines})")).unwrap_or_default();
        text.push_str(&row("file left", &format!("{}{lines}", plain::harmless(file))));
    }
    text
}

fn ending(call: &ObservedCall) -> String {
    let result = call.result.as_deref().map(plain::harmless).unwrap_or_default();
    let limit = call.details.limit.as_ref().map(|limit| format!(" of {limit}")).unwrap_or_default();
    let what = match call.ending.as_str() {
        "raised" if call.details.in_constructor => format!("raised in Plugin's constructor {}", shown(&result)),
        "returned" | "raised" => format!("{} {}", call.ending, shown(&result)),
        "exited" => format!("ended the process with status {result}"),
        "signalled" => format!("the process died of signal {result}"),
        "timed-out" => format!("was killed at its time limit{limit}"),
        "out-of-memory" => format!("needed more memory than its limit{limit}"),
        "corrupted" => "sent no valid report".to_owned(),
        "cut-off" => "was cut off at the platform's time limit, as the case says".to_owned(),
        other => plain::harmless(other).into_owned(),
    };
    let style = if call.ending == "returned" { GOOD } else { ERROR };
    let (word, rest) = what.split_once(' ').unwrap_or((&what, ""));
    let mut text = format!("  {style}{word}{style:#} {rest}\n");
    for frame in call.frames.iter().take(FRAMES_LIMIT) {
        let function = frame.function.as_ref().map(|name| format!(" in {}", plain::harmless(name)));
        let function = function.unwrap_or_default();
        text.push_str(&format!("    at {}{function}\n", plain::harmless(&frame.file_and_line())));
    }
    if call.frames.len() > FRAMES_LIMIT {
        let more = plain::counted((call.frames.len() - FRAMES_LIMIT) as u64, "frame");
        text.push_str(&format!("    and {more} more\n"));
    }
    text
}

fn output(name: &str, output: &CallOutput) -> String {
    if output.bytes == 0 {
        return String::new();
    }
    let mut text = row(name, &plain::counted(output.bytes, "byte"));
    let count = output.text.lines().count();
    for line in output.text.lines().take(LINES_LIMIT) {
        text.push_str(&format!("    {LABEL}|{LABEL:#} {}\n", plain::cut(&plain::source(line), VALUE_LIMIT)));
    }
    if count > LINES_LIMIT {
        text.push_str(&format!("    and {}\n", plain::counted((count - LINES_LIMIT) as u64, "more line")));
    }
    text
}

fn value(name: &str, value: &Value) -> String {
    row(name, &shown(&plain::json(value)))
}

fn shown(text: &str) -> String {
    plain::cut(text, VALUE_LIMIT)
}

/// A service with certificates and files as their first lines.
fn short(service: &Value) -> Value {
    match service {
        Value::Str(text) => match text.split_once('\n') {
            Some((first, rest)) if !rest.is_empty() => format!("{first}…").into(),
            _ => service.clone(),
        },
        Value::List(items) => Value::List(items.iter().map(short).collect()),
        Value::Dict(entries) => Value::Dict(entries.iter().map(|(key, value)| (key.clone(), short(value))).collect()),
        _ => service.clone(),
    }
}

fn row(name: &str, text: &str) -> String {
    format!("  {LABEL}{:<16}{LABEL:#}  {text}\n", plain::harmless(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Mask, examples};

    #[test]
    fn services_and_options_are_shown_short_and_without_secrets() {
        let trace = examples::trace();
        let mut session = examples::session();
        session.services = serde_json::from_str(
            r#"{"credential_stores": {"local": {"u": {"h": ["pw"]}}}, "state": {"f": "one\ntwo"}}"#,
        )
        .unwrap();
        let option =
            |name: &str| crate::case::SetOption { section: "vault".into(), name: name.into(), value: "v-1".into() };
        session.options = vec![option("host"), option("password")];
        let text = session_text(&ObservedSession::new(&session, &trace, &Mask::default()));
        for shown in
            [r#"{"local":{"u":{"h":["***"]}}}"#, r#"{"f":"one…"}"#, "[vault] host = v-1", "[vault] password = ***"]
        {
            assert!(text.contains(shown), "{shown}\n{text}");
        }
    }

    #[test]
    fn a_session_is_shown_in_full_without_its_secrets() {
        let (session, trace) = (examples::session(), examples::trace());
        let mask = Mask::default().with_session(&session, &trace.calls);
        let text = session_text(&ObservedSession::new(&session, &trace, &mask));
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r#"
          cookie            {}
          session_cookie    {"questions":["vp"]}

        call 1: get_password_list, 1.24 ms
          session_id        "s-1"
          client_ip         "fe80::1"
          gateway_password  "***"
          gateway_domain    null
          server_username   "a\u202eb"
          returned {'passwords': ['***'], 'cookie': {'lease': b'7'}}
          stderr            48 bytes
            | INFO vault: \x1b[31mgot *** for ***

        call 2: session_ended, 1.24 ms
          session_id        "s-1"
          raised KeyError: 'lease'
            at main.py:40 in session_ended

        in the end
          cookie            {}
          session_cookie    {"questions":["vp"]}
        "#);
    }

    #[test]
    fn the_user_may_ask_for_secrets() {
        let (session, trace) = (examples::session(), examples::trace());
        let text = session_text(&ObservedSession::new(&session, &trace, &Mask::shows_all()));
        assert!(text.contains("correct horse") && text.contains("hunter22") && !text.contains("***"), "{text}");
    }
}
