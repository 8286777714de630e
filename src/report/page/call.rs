//! A call: its arguments, how it ended, what it printed.

use super::{
    finding,
    html::{Html, html},
    parts::{self, short_text, table, words},
};
use crate::{
    case::Value,
    report::{CallOutput, ObservedCall, plain},
};

/// All that was observed of a call.
pub(super) fn seen(call: &ObservedCall) -> Html {
    let mut body = Html::default();
    let arguments = call.arguments();
    if !arguments.is_empty() {
        let row = |(name, value): &(String, Value)| vec![Html::code(name), short_text(&plain::json(value))];
        let rows = arguments.iter().map(row).collect();
        body.push(table("Arguments", &[words("argument"), words("value")], rows));
    }
    let took = if call.elapsed_ms > 0.0 { format!(" after {}", parts::time(call.elapsed_ms)) } else { String::new() };
    let ending = match call.ending.as_str() {
        "" => String::new(),
        "exited" | "signalled" => format!("{} {}", call.ending, call.result.as_deref().unwrap_or_default()),
        ending => ending.replace('-', " "),
    };
    if !ending.is_empty() {
        body.push(html!("<h5>It {}{}</h5>\n", words_of(&ending), took));
    }
    if let Some(result) = call.result.as_deref().filter(|_| matches!(call.ending.as_str(), "returned" | "raised")) {
        body.push(html!("<pre class=\"wrapped\"><code>{}</code></pre>\n", Html::lines(&parts::cut(result))));
    }
    if call.frames.len() > 1 {
        let frames: Html = call.frames.iter().map(|frame| html!("<li>{}</li>", finding::at(frame))).collect();
        body.push(html!("<details><summary>Called from</summary><ol class=\"frames\">{}</ol></details>\n", frames));
    }
    body.push(printed("standard output", &call.stdout));
    body.push(printed("standard error", &call.stderr));
    if !call.files.is_empty() {
        let files: Html = call.files.iter().map(|file| html!("<li>{}</li>", Html::code(file))).collect();
        body.push(html!("<details><summary>Files that it left</summary><ul>{}</ul></details>\n", files));
    }
    body
}

/// The calls of a session, in order.
pub(super) fn all(calls: &[ObservedCall]) -> Html {
    let articles = calls.iter().enumerate().map(|(number, call)| {
        html!(
            "<article class=\"finding\">\n<h3>{}. {}</h3>\n{}</article>\n",
            number + 1,
            Html::code(&call.hook),
            seen(call)
        )
    });
    articles.collect()
}

fn words_of(ending: &str) -> String {
    match ending {
        "timed out" => "ran out of time".to_owned(),
        "out of memory" => "ran out of memory".to_owned(),
        "corrupted" => "sent no valid report".to_owned(),
        "cut off" => "was cut off".to_owned(),
        _ if ending.starts_with("signalled") => ending.replacen("signalled", "was ended by", 1),
        _ if ending.starts_with("exited") => ending.replacen("exited", "ended its process with status", 1),
        other => other.to_owned(),
    }
}

fn printed(where_to: &str, output: &CallOutput) -> Html {
    if output.text.is_empty() {
        return Html::default();
    }
    let bytes = format!(" ({} bytes)", parts::number(output.bytes));
    html!(
        "<details><summary>Printed to {}{}</summary>\n<pre class=\"wrapped\" tabindex=\"0\"><code>{}</code></pre></details>\n",
        where_to,
        bytes,
        Html::lines(&parts::cut(&output.text))
    )
}
