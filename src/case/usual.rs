//! Says whether a value is one that any nominal session may have.

use super::Value;
use crate::contract::{Argument, ArgumentKind};

/// Whether any nominal session may have this value: short ASCII text, an IPv4 address, a port.
pub(crate) fn is_usual(argument: Argument, value: &Value) -> bool {
    match (argument.kind(), value) {
        (ArgumentKind::Groups, Value::List(items)) => !items.is_empty() && items.iter().all(is_usual_text),
        (ArgumentKind::KeyValuePairs, Value::Dict(entries)) => entries.is_empty(),
        (_, Value::Int(number)) => (2..65535).contains(number),
        (_, value) => is_usual_text(value),
    }
}

fn is_usual_text(value: &Value) -> bool {
    let is_usual = |character: char| character.is_ascii_alphanumeric() || "._-@ ".contains(character);
    value.as_str().is_some_and(|text| !text.trim().is_empty() && text.len() <= 64 && text.chars().all(is_usual))
}
