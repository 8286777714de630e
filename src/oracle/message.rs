//! Text for messages: on one line, bounded, and without characters that a terminal interprets.

use std::fmt::{self, Display, Write};

use crate::{
    contract::{Api, Platform},
    trace::{Cause, Exception, Observed},
};

/// The most characters of a plugin's own text in a message.
pub(super) const MESSAGE_LIMIT: usize = 200;
/// The most characters of a value in a message.
pub(super) const VALUE_LIMIT: usize = 60;
/// The most characters of the text of the error with which an exception began.
const CAUSE_LIMIT: usize = 120;
/// How many bytes of a value are written out before secrets are masked in it: far more than a message shows, so that
/// the message shows no secret whose end is cut off.
const RAW_LIMIT: usize = 16 * 1024;

/// `text` on one line and at most `limit` characters long, with `…` for the rest.
pub(super) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::with_capacity(text.len().min(limit * 2));
    for (count, character) in text.trim_end().chars().enumerate() {
        if count == limit {
            line.push('…');
            break;
        }
        match character {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            _ if is_interpreted(character) => {
                let code = character as u32;
                let _ = if code <= 0xff { write!(line, "\\x{code:02x}") } else { write!(line, "\\u{code:04x}") };
            }
            _ => line.push(character),
        }
    }
    line
}

/// Control and format characters, with which a text can reverse, move or hide what follows in a terminal.
fn is_interpreted(character: char) -> bool {
    character.is_control()
        || matches!(
            character as u32,
            0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe0000..=0xe007f
        )
}

/// What `value` writes, up to [`RAW_LIMIT`] bytes.
pub(super) fn written(value: &impl Display) -> String {
    struct Bounded(String);

    impl Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.push_str(text);
            if self.0.len() > RAW_LIMIT { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut bounded = Bounded(String::new());
    let _ = write!(bounded, "{value}");
    bounded.0
}

/// The type of a value, without the value: `None`, `bytes`, `a list`, `an int`.
pub(super) fn a_type(value: &Observed) -> String {
    match value {
        Observed::None => "None".into(),
        Observed::Bytes(_) => "bytes".into(),
        Observed::Object { type_name } => format!("a `{type_name}` object"),
        _ => {
            let name = value.type_name();
            let article = if name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
            format!("{article} {name}")
        }
    }
}

/// `1 call`, `2 calls`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// An API level with the platform that brought it: `API 1.5 (SPS 6.5)`.
pub(super) fn level(api: Api) -> String {
    match Platform::first_with(api) {
        Some(platform) => format!("API {api} (SPS {platform})"),
        None => format!("API {api}"),
    }
}

/// `TypeName: text` on one line, with the error that everything began with if the text does not show it; `mask` hides
/// secrets. A long text loses its middle: its end often names what is missing.
pub(super) fn exception(exception: &Exception, mask: &dyn Fn(&str) -> String) -> String {
    let named = |name: &str, text: &str, limit| {
        let text = without_middle(&mask(text), limit);
        if text.is_empty() { name.to_owned() } else { format!("{name}: {text}") }
    };
    let shown = named(&exception.type_name, &exception.message, MESSAGE_LIMIT);
    match exception.root_cause() {
        Some(Cause { type_name, message, .. })
            if message.is_empty() || !shown.contains(&without_middle(&mask(message), CAUSE_LIMIT)) =>
        {
            format!("{shown}; the first error was {}", named(type_name, message, CAUSE_LIMIT))
        }
        _ => shown,
    }
}

/// `text` on one line; if it is longer than `limit` characters, its beginning and its end.
fn without_middle(text: &str, limit: usize) -> String {
    let text = text.trim_end();
    let count = text.chars().count();
    if count <= limit {
        return one_line(text, limit);
    }
    let end: String = text.chars().skip(count - limit / 2).collect();
    format!("{}{}", one_line(text, limit / 2), one_line(&end, limit / 2))
}

/// `signal 11 (SIGSEGV)`.
pub(super) fn signal(signal: i32) -> String {
    match signal_name(signal) {
        Some(name) => format!("signal {signal} ({name})"),
        None => format!("signal {signal}"),
    }
}

pub(super) fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugins_text_stays_on_its_line_and_cannot_move_the_cursor() {
        assert_eq!(one_line("a\nb\x1b[2J\u{202e}c\n", 200), "a\\nb\\x1b[2J\\u202ec");
        assert_eq!(one_line(&"é".repeat(300), 200), format!("{}…", "é".repeat(200)));
    }

    #[test]
    fn a_huge_value_is_not_written_out() {
        let huge = Observed::List(vec![Observed::Str("x".repeat(1000)); 10_000]);
        assert!(written(&huge).len() < 2 * RAW_LIMIT);
    }
}
