//! A session shown in full, for `run`: for each call what it got, how it ended, what it wrote and how long it took.

use crate::{
    case::{Call, Value},
    report::{
        Mask, Seen, plain,
        style::{ERROR, GOOD, LABEL, STRONG},
    },
    trace::{CallTrace, CapturedOutput, Ending, Frame},
};

/// How many characters of one value, result or line are shown; JSON has all.
const VALUE_LIMIT: usize = 4000;

/// How many characters of what one of the platform's services holds are shown.
const SERVICE_LIMIT: usize = 400;

/// How many lines of one output are shown.
const LINES_LIMIT: usize = 40;

/// How many frames of a stack are shown.
const FRAMES_LIMIT: usize = 12;

/// The session, call by call, and the cookies that it ended with.
pub fn seen(seen: &Seen<'_>) -> String {
    let Seen { session, trace, mask } = *seen;
    let mut text = String::new();
    for (name, cookie) in [("cookie", &session.cookie), ("session_cookie", &session.session_cookie)] {
        text.push_str(&row(name, &value(mask, cookie)));
    }
    for option in &session.options {
        text.push_str(&row(
            "option",
            &shown(&format!("[{}] {} = {}", option.section, option.name, mask.option(option))),
        ));
    }
    for (name, service) in mask.services(&session.services).as_dict().unwrap_or_default() {
        text.push_str(&row(name, &plain::cut(&plain::json(&short(service)), SERVICE_LIMIT)));
    }
    for call in &trace.calls {
        text.push_str(&call_text(session.calls.get(call.call), call, &trace.calls, mask));
    }
    let skipped: Vec<_> = session
        .calls
        .iter()
        .enumerate()
        .filter(|(index, _)| trace.calls.iter().all(|call| call.call != *index))
        .map(|(_, call)| call.hook.name())
        .collect();
    if !skipped.is_empty() {
        text.push_str(&format!("\nnot called, since the session ended before: {}\n", skipped.join(", ")));
    }
    text.push_str(&format!("\n{STRONG}in the end{STRONG:#}\n"));
    text.push_str(&row("cookie", &value(mask, &trace.cookie)));
    text.push_str(&row("session_cookie", &value(mask, &trace.session_cookie)));
    text.push('\n');
    text
}

fn call_text(case: Option<&Call>, call: &CallTrace, calls: &[CallTrace], mask: &Mask) -> String {
    let round = if call.round == 0 { String::new() } else { format!(", after answer {}", call.round) };
    let other = if case.is_some_and(|case| case.other) { ", of the other plugin" } else { "" };
    let mut text = format!(
        "\n{STRONG}call {}: {}{STRONG:#}{other}{round}, {}\n",
        call.call + 1,
        call.hook,
        plain::elapsed_exactly(call.elapsed)
    );
    if let Some(case) = case {
        for (argument, given) in &case.arguments {
            text.push_str(&row(argument.name(), &shown(&plain::json(&mask.argument(*argument, given)))));
        }
        if let Some(answer) =
            call.round.checked_sub(1).and_then(|round| mask.answers(case, call.call, calls).get(round).cloned())
        {
            text.push_str(&row("answer", &shown(&plain::json(&Value::Str(answer)))));
        }
    }
    text.push_str(&ending(&call.ending, mask));
    text.push_str(&output("stdout", &call.stdout, mask));
    text.push_str(&output("stderr", &call.stderr, mask));
    for file in &call.files {
        let lines = file.text.lines().count();
        text.push_str(&row(
            "file left",
            &format!("{} ({})", plain::harmless(&file.path), plain::counted(lines as u64, "line")),
        ));
    }
    text
}

fn ending(ending: &Ending, mask: &Mask) -> String {
    let (style, what) = match ending {
        Ending::Returned(result) => (GOOD, format!("returned {}", shown(&mask.result(result).to_string()))),
        Ending::Raised(exception) => {
            let constructor = if exception.in_constructor { " in Plugin's constructor" } else { "" };
            let message = shown(&plain::harmless(&mask.text(&exception.message)));
            (ERROR, format!("raised{constructor} {}: {message}", plain::harmless(&exception.type_name)))
        }
        Ending::Exited { status, .. } => (ERROR, format!("ended the process with status {status}")),
        Ending::Signalled { signal, .. } => (ERROR, format!("the process died of signal {signal}")),
        Ending::TimedOut { limit, .. } => {
            (ERROR, format!("was killed at its time limit of {}", plain::elapsed(*limit)))
        }
        Ending::Corrupted => (ERROR, "reported what is no report".to_owned()),
        Ending::OutOfMemory { limit, .. } => {
            (ERROR, format!("needed more memory than its limit of {} MB", limit / (1024 * 1024)))
        }
        Ending::CutOff => (ERROR, "was cut off at the platform's time limit, as the case wants it".to_owned()),
    };
    let (word, rest) = what.split_once(' ').unwrap_or((&what, ""));
    let mut text = format!("  {style}{word}{style:#} {rest}\n");
    let frames = ending.frames();
    for frame in frames.iter().take(FRAMES_LIMIT) {
        text.push_str(&format!("    {}\n", frame_text(frame)));
    }
    if frames.len() > FRAMES_LIMIT {
        text.push_str(&format!("    and {} more\n", plain::counted((frames.len() - FRAMES_LIMIT) as u64, "frame")));
    }
    text
}

fn frame_text(frame: &Frame) -> String {
    format!("at {}:{} in {}", plain::harmless(&frame.file), frame.line, plain::harmless(&frame.function))
}

fn output(name: &str, output: &CapturedOutput, mask: &Mask) -> String {
    if output.bytes == 0 {
        return String::new();
    }
    let mut text = row(name, &plain::counted(output.bytes, "byte"));
    // Secrets go before the text falls into lines, since a key has many of them.
    let masked = mask.text(&output.text);
    let count = masked.lines().count();
    for line in masked.lines().take(LINES_LIMIT) {
        text.push_str(&format!("    {LABEL}|{LABEL:#} {}\n", plain::cut(&plain::source(line), VALUE_LIMIT)));
    }
    if count > LINES_LIMIT {
        text.push_str(&format!("    and {}\n", plain::counted((count - LINES_LIMIT) as u64, "more line")));
    }
    text
}

fn value(mask: &Mask, value: &Value) -> String {
    shown(&plain::json(&mask.value(value)))
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
    format!("  {LABEL}{name:<16}{LABEL:#}  {text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::examples;

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
        let text = seen(&Seen { session: &session, trace: &trace, mask: &Mask::default() });
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
        let text = seen(&Seen { session: &session, trace: &trace, mask: &mask });
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
        let text = seen(&Seen { session: &session, trace: &trace, mask: &Mask::shows_all() });
        assert!(text.contains("correct horse") && text.contains("hunter22") && !text.contains("***"), "{text}");
    }
}
