//! Writes Python: numbered lines, and values as expressions.

use std::fmt::Write as _;

use crate::trace::Observed;

/// A file that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct PythonFile {
    pub(super) text: String,
    lines: u32,
}

impl PythonFile {
    /// Adds a line, and returns its number.
    pub(super) fn line(&mut self, line: &str) -> u32 {
        self.text.push_str(line);
        self.text.push('\n');
        self.lines += 1;
        self.lines
    }

    pub(super) fn lines(&mut self, lines: &str) {
        for line in lines.lines() {
            self.line(line);
        }
    }
}

/// `value` as an expression. Functions that every main.py has make cycles and objects: `_cycle`, `_own` and `Thing`.
pub(super) fn expression(value: &Observed) -> String {
    let joined = |items: &[Observed]| items.iter().map(expression).collect::<Vec<_>>().join(", ");
    match value {
        Observed::None | Observed::Bool(_) | Observed::Int(_) | Observed::BigInt(_) => value.to_string(),
        Observed::Float(number) if number.is_nan() => "float('nan')".into(),
        Observed::Float(number) if number.is_infinite() => format!("float('{number}')"),
        Observed::Float(number) => format!("{number:?}"),
        Observed::Str(text) => literal(text),
        // Its surrogates are escapes already.
        Observed::BrokenStr(text) => format!("\"{text}\""),
        Observed::Bytes(bytes) => {
            let mut text = String::from("b\"");
            for byte in bytes {
                let _ = write!(text, "\\x{byte:02x}");
            }
            text + "\""
        }
        Observed::List(items) if items[..] == [Observed::Cycle] => "_cycle()".into(),
        Observed::Dict(entries) if entries.iter().any(|(_, value)| *value == Observed::Cycle) => "_own()".into(),
        Observed::List(items) => format!("[{}]", joined(items)),
        Observed::Tuple(items) if items.len() == 1 => format!("({},)", joined(items)),
        Observed::Tuple(items) => format!("({})", joined(items)),
        Observed::Set(items) if items.is_empty() => "set()".into(),
        Observed::Set(items) => format!("{{{}}}", joined(items)),
        Observed::Dict(entries) => {
            let pairs = entries.iter().map(|(key, value)| format!("{}: {}", expression(key), expression(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Observed::Object { type_name } => match type_name.as_str() {
            "generator" => "(one for one in ())".into(),
            "datetime.datetime" => "datetime.datetime(2020, 1, 2)".into(),
            "decimal.Decimal" => "decimal.Decimal('1.0')".into(),
            "object" => "object()".into(),
            "type" => "Thing".into(),
            "module" => "json".into(),
            _ => "Thing()".into(),
        },
        Observed::Cycle | Observed::Truncated => "None".into(),
    }
}

/// `text` as a literal in ASCII.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(character),
            _ => {
                let _ = write!(out, "\\U{:08x}", u32::from(character));
            }
        }
    }
    out + "\""
}
