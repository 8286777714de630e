//! [`failure`]: why a session shows its finding, without the values. A smaller session counts only if it fails for the
//! same reason: the fingerprint says which expression failed, and the message says on what. `None.split` and
//! `"host".split` without a dot are two defects of one expression.

use crate::{
    case::{Session, Value},
    engine::reproducer::Reproduced,
    finding::Rule,
    trace::{Ending, Exception},
};

/// Shorter texts of a session are not looked for in messages: they are parts of other words.
const TEXT_BYTES: usize = 4;
/// What stands for a value.
const ANY: &str = "…";

/// The message of the finding, or of its exception, with values replaced. Empty if fingerprint and type say it all.
pub(super) fn failure(reproduced: &Reproduced) -> String {
    let Reproduced { session, finding, trace } = reproduced;
    match finding.rule {
        Rule::UncaughtException | Rule::ConstructorFailed => {
            match finding.call.and_then(|call| trace.calls.get(call)).map(|call| &call.ending) {
                Some(Ending::Raised(exception)) => failure_of_exception(exception, session),
                _ => String::new(),
            }
        }
        Rule::ReturnType | Rule::ReturnValueInvalid | Rule::NotJson | Rule::LossyJson => {
            without_values(&finding.message, session, false)
        }
        _ => String::new(),
    }
}

fn failure_of_exception(exception: &Exception, session: &Session) -> String {
    let name = exception.type_name.as_str();
    // Authors put values into their own messages in every way. There, type and statement say which defect it is.
    if exception.expression.starts_with("raise") || name.contains('.') {
        return String::new();
    }
    // `'ascii' codec can't encode character '\xe9' in position 3`, or several characters.
    if matches!(name, "UnicodeEncodeError" | "UnicodeDecodeError") {
        return exception.message.split(" codec ").next().unwrap_or_default().to_owned();
    }
    // Quoted words of these are names and types.
    let names_types = matches!(
        name,
        "AttributeError" | "ImportError" | "ModuleNotFoundError" | "NameError" | "TypeError" | "UnboundLocalError"
    );
    without_values(&exception.message, session, names_types)
}

/// `text` with `…` for texts of the session and for numbers, and for what is in quotes unless `keeps_quoted`.
fn without_values(text: &str, session: &Session, keeps_quoted: bool) -> String {
    let mut values = Vec::new();
    let arguments = session.calls.iter().flat_map(|call| call.arguments.iter().map(|(_, value)| value));
    arguments.chain([&session.session_cookie, &session.cookie]).for_each(|value| texts(value, &mut values));
    values.extend(session.calls.iter().flat_map(|call| call.answers.iter().map(String::as_str)));
    values.retain(|value| value.len() >= TEXT_BYTES);
    // A text that contains another one goes first.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let text = values.into_iter().fold(text.to_owned(), |text, value| text.replace(value, ANY));
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let quoted = if keeps_quoted { None } else { quoted(rest) };
        let length = match first {
            '\'' | '"' if let Some(length) = quoted => length,
            '0'..='9' => rest.find(|next: char| !next.is_ascii_alphanumeric()).unwrap_or(rest.len()),
            _ => {
                plain.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        // A text and a number are two types.
        plain.push_str(if first.is_ascii_digit() { "#" } else { ANY });
        rest = &rest[length..];
    }
    plain
}

/// How many bytes of `text` its first quotes enclose, with the quotes.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The texts in `value`.
fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Str(text) => found.push(text),
        Value::List(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Dict(entries) => entries.iter().for_each(|(key, value)| {
            found.push(key);
            texts(value, found);
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Call,
        contract::{Argument, Hook},
    };

    fn of(type_name: &str, message: &str, user: &str) -> String {
        let session = Session::new(vec![Call::new(Hook::Authorize, vec![(Argument::GatewayUser, user.into())])]);
        let exception = Exception { type_name: type_name.into(), message: message.into(), ..Exception::default() };
        failure_of_exception(&exception, &session)
    }

    #[test]
    fn values_do_not_matter_and_types_do() {
        let same = [
            ("KeyError", "'bob'", "'alice'"),
            ("KeyError", "8200", "2"),
            (
                "ValueError",
                "invalid literal for int() with base 10: 'x\\'y'",
                "invalid literal for int() with base 10: ''",
            ),
            (
                "ValueError",
                "not enough values to unpack (expected 2, got 1)",
                "not enough values to unpack (expected 2, got 0)",
            ),
            ("IndexError", "at 0x7f12ab", "at 0x5"),
            ("UnicodeEncodeError", "'ascii' codec can't encode character", "'ascii' codec can't encode characters in"),
            ("vault.Error", "no folder of bob", "no folder at all"),
        ];
        for (name, one, other) in same {
            assert_eq!(of(name, one, "x"), of(name, other, "x"), "{name}");
        }
        let different = [
            ("KeyError", "None", "8200"),
            ("KeyError", "'8200'", "8200"),
            ("AttributeError", "'NoneType' object has no attribute 'split'", "'int' object has no attribute 'split'"),
            (
                "TypeError",
                "can only concatenate str (not \"NoneType\") to str",
                "can only concatenate str (not \"int\") to str",
            ),
            ("ValueError", "not enough values to unpack (expected 2, got 1)", "too many values to unpack (expected 2)"),
        ];
        for (name, one, other) in different {
            assert_ne!(of(name, one, "x"), of(name, other, "x"), "{name}");
        }
        assert_eq!(of("LookupError", "no folder of bob-7", "bob-7"), of("LookupError", "no folder of alice", "alice"));
    }
}
