//! Makes foreign text harmless: a terminal shows the text of plugins, file names and arguments, and obeys none of it.
//! Works on any text.

use std::borrow::Cow;

use crate::{case::Value, trace::is_invisible};

/// Whether a terminal may obey `character` rather than show it: controls, escapes, marks that change the direction of
/// writing.
fn is_obeyed(character: char) -> bool {
    character.is_control() || is_invisible(character)
}

/// One line of text with everything that a terminal may obey written out: `\n`, `\x1b`, `\u202e`.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if is_obeyed(character) => match character as u32 {
                code @ 0..=0xff => shown.push_str(&format!("\\x{code:02x}")),
                code @ 0x100..=0xffff => shown.push_str(&format!("\\u{code:04x}")),
                code => shown.push_str(&format!("\\U{code:08x}")),
            },
            _ => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// A line of source: as [`harmless`], but a tab is four spaces, as an editor would show it.
pub(crate) fn source(line: &str) -> String {
    harmless(&line.trim_end_matches(['\r', '\n']).replace('\t', "    ")).into_owned()
}

/// At most `width` characters of `text`, the last one `…` if something was cut.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut shown: String = text.chars().take(width.saturating_sub(1)).collect();
    shown.push('…');
    shown
}

/// At most `width` characters of `TypeName: text`, which begins with a message. What is left out is `…`: first the
/// middle of the type's module path, then the middle of the text. The end often names what is missing.
pub(crate) fn shorten(message: &str, width: usize) -> String {
    if message.chars().count() <= width {
        return message.to_owned();
    }
    let (name, text) = message.split_once(": ").unwrap_or(("", message));
    let is_path =
        name.contains('.') && name.chars().all(|character| character.is_alphanumeric() || "._".contains(character));
    let start = match (is_path, name.split_once('.'), name.rsplit_once('.')) {
        (true, Some((first, _)), Some((_, last))) => format!("{first}…{last}: "),
        _ => message[..message.len() - text.len()].to_owned(),
    };
    let room = width.saturating_sub(start.chars().count()).max(MESSAGE_ROOM);
    format!("{start}{}", cut_middle(text, room))
}

/// The least number of characters that the text of a message keeps.
const MESSAGE_ROOM: usize = 80;

/// At most `width` characters of `text`: its beginning, `…`, and more of its end.
fn cut_middle(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let begin = width.saturating_sub(1) * 2 / 5;
    let end = width.saturating_sub(1) - begin;
    let head: String = text.chars().take(begin).collect();
    let tail: String = text.chars().skip(count - end).collect();
    format!("{head}…{tail}")
}

/// A value as one line of JSON that a terminal shows whole and that can be pasted into `--arguments`.
pub(crate) fn json(value: &Value) -> String {
    let text = value.to_string();
    if !text.chars().any(is_obeyed) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        // In JSON such characters are inside text only, where `\u` means the same.
        if is_obeyed(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// `text` as one word of a POSIX shell, to be pasted.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_./:=@%+,-".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    if !text.chars().any(is_obeyed) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    // bash and zsh read `$'…'`; byte by byte, the one escape that both read in the same way.
    let mut word = String::from("$'");
    for character in text.chars() {
        match character {
            '\'' | '\\' => word.extend(['\\', character]),
            _ if is_obeyed(character) => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    word.push_str(&format!("\\x{byte:02x}"));
                }
            }
            _ => word.push(character),
        }
    }
    word.push('\'');
    word
}

/// `1 call`, `2 calls`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A time as people say it: `85 ms`, `1.9 s`, `2 min 5 s`.
pub(crate) fn elapsed(time: std::time::Duration) -> String {
    match time.as_secs() {
        0 if time.as_millis() < 100 => format!("{} ms", time.as_millis()),
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// A short time with three digits: `1.24 ms`, `2.00 s`.
pub(crate) fn elapsed_exactly(time: std::time::Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 1000.0 { format!("{ms:.2} ms") } else { format!("{:.2} s", ms / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_of_what_is_shown() {
        assert_eq!(harmless("a\x1b[31m\u{202e}b\n\u{9b}"), r"a\x1b[31m\u202eb\n\x9b");
        assert_eq!(source("\tx\u{7}\r\n"), r"    x\x07");
    }

    #[test]
    fn json_stays_json_when_it_is_made_harmless() {
        let value = Value::Dict(vec![("k\u{202e}".into(), Value::text("\u{7f}\u{e0001}é\n"))]);
        let shown = json(&value);
        assert_eq!(shown, r#"{"k\u202e":"\u007f\udb40\udc01é\n"}"#);
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_word_for_the_shell_survives_quotes_and_blanks() {
        assert_eq!(shell_word("corpora/vault/3f.json"), "corpora/vault/3f.json");
        assert_eq!(shell_word("my plugin's"), r"'my plugin'\''s'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a\x1b'"), r"$'a\x1b\''");
        assert_eq!(shell_word("~/x"), "'~/x'");
    }

    #[test]
    fn a_message_loses_its_middle_and_never_its_end() {
        let message = "safeguard.sessions.plugin.plugin_configuration_exceptions.RequiredConfigurationSettingNotFound: \
                       Required configuration setting missing; option='use_credential', section='vault'";
        assert_eq!(
            shorten(message, 140),
            "safeguard…RequiredConfigurationSettingNotFound: Required configuration setting missing; \
             option='use_credential', section='vault'"
        );
        assert!(shorten(message, 40).ends_with("option='use_credential', section='vault'"), "{}", shorten(message, 40));
        assert_eq!(shorten(message, 300), message);
        let long = format!("ValueError: {}the end", "x".repeat(300));
        let short = shorten(&long, 80);
        assert!(short.starts_with("ValueError: xxx") && short.ends_with("xxthe end"), "{short}");
        assert_eq!(short.chars().count(), 92, "the text keeps 80 characters");
        // What only looks like a path is kept.
        assert!(shorten(&format!("the result a.b {}", "y".repeat(90)), 70).starts_with("the result a.b yyy"));
    }

    #[test]
    fn cutting_counts_characters_and_says_that_it_cut() {
        assert_eq!(cut("éééé", 4), "éééé");
        assert_eq!(cut("ééééé", 4), "ééé…");
    }
}
