//! What a plain scalar means: in YAML 1.1 as PyYAML's resolver and safe constructor implement it, which is what the
//! platform uses \[S\], and in the core schema of YAML 1.2, which the guide says \[G\].
//!
//! The patterns for YAML 1.1 are PyYAML's own. Where its constructor raises an exception, the scalar is refused.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    python,
    timestamp::{self, Timestamp},
};
use crate::contract::float_repr;

/// A value as the platform's reader makes it. Of values that no known field may have, only the type is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum YamlValue {
    Null,
    Bool(bool),
    /// An int, as Python's `str` writes it.
    Int(String),
    Float(f64),
    Text(String),
    /// A date or a date and time, as Python's `str` writes it.
    Timestamp {
        text: String,
        has_time: bool,
    },
    Bytes {
        is_empty: bool,
    },
    /// A list, dict or set, by its name in Python.
    Container {
        name: &'static str,
        is_empty: bool,
    },
}

impl YamlValue {
    /// Python's name for its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::Timestamp { has_time: false, .. } => "date",
            Self::Timestamp { has_time: true, .. } => "datetime",
            Self::Bytes { .. } => "bytes",
            Self::Container { name, .. } => name,
        }
    }

    /// Python's `str` of it; `None` for containers and bytes.
    pub(super) fn python_str(&self) -> Option<String> {
        match self {
            Self::Null => Some("None".to_owned()),
            Self::Bool(true) => Some("True".to_owned()),
            Self::Bool(false) => Some("False".to_owned()),
            Self::Float(value) => Some(float_repr(*value)),
            Self::Int(text) | Self::Text(text) | Self::Timestamp { text, .. } => Some(text.clone()),
            Self::Bytes { .. } | Self::Container { .. } => None,
        }
    }

    /// Whether it is true in Python.
    pub(super) fn is_truthy(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) => false,
            Self::Int(text) => text != "0",
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bytes { is_empty } | Self::Container { is_empty, .. } => !is_empty,
            Self::Bool(true) | Self::Timestamp { .. } => true,
        }
    }

    /// The text, if it is text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A description for a message.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => format!("the bool `{value}`"),
            Self::Int(text) => format!("the number `{}`", brief(text)),
            Self::Float(value) => format!("the number `{}`", float_repr(*value)),
            Self::Text(text) => format!("the text `{}`", brief(text)),
            Self::Timestamp { text, .. } => format!("the date `{text}`"),
            Self::Bytes { .. } => "bytes".to_owned(),
            Self::Container { name, .. } => format!("a {name}"),
        }
    }
}

/// The beginning of a text, without characters that a terminal interprets.
pub(super) fn brief(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// The tags that PyYAML's resolver assigns to plain scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    Bool,
    Float,
    Int,
    Merge,
    Null,
    Timestamp,
    Value,
    Text,
}

fn pattern(text: &str) -> Regex {
    Regex::new(&format!("^(?:{text})$")).expect("the pattern is a constant that the tests compile")
}

static BOOL: LazyLock<Regex> =
    LazyLock::new(|| pattern("yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF"));
static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    )
});
static INT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+",
    )
});
static TIMESTAMP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?",
    )
});

/// The tag that PyYAML assigns to the plain scalar `text`.
pub(super) fn resolve(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "<<" => Resolved::Merge,
        "=" => Resolved::Value,
        _ if BOOL.is_match(text) => Resolved::Bool,
        // In PyYAML's table no other character begins a number or a date.
        _ if !text.starts_with(|first: char| first.is_ascii_digit() || "-+.".contains(first)) => Resolved::Text,
        _ if FLOAT.is_match(text) => Resolved::Float,
        _ if INT.is_match(text) => Resolved::Int,
        _ if TIMESTAMP.is_match(text) => Resolved::Timestamp,
        _ => Resolved::Text,
    }
}

/// Why PyYAML's constructor raises.
pub(super) type Refusal = String;

/// `text` with that tag, as PyYAML constructs it.
pub(super) fn construct(resolved: Resolved, text: &str) -> Result<YamlValue, Refusal> {
    match resolved {
        Resolved::Null => Ok(YamlValue::Null),
        Resolved::Text => Ok(YamlValue::Text(text.to_owned())),
        Resolved::Bool => match text.to_lowercase().as_str() {
            "yes" | "true" | "on" => Ok(YamlValue::Bool(true)),
            "no" | "false" | "off" => Ok(YamlValue::Bool(false)),
            _ => Err(format!("`{}` is not a bool", brief(text))),
        },
        Resolved::Int => python::yaml_int(text)
            .map(YamlValue::Int)
            .ok_or_else(|| format!("`{}` is not an int that Python accepts", brief(text))),
        Resolved::Float => {
            python::yaml_float(text).map(YamlValue::Float).ok_or_else(|| format!("`{}` is not a float", brief(text)))
        }
        Resolved::Timestamp => timestamp::read(text)
            .map(|Timestamp { text, has_time }| YamlValue::Timestamp { text, has_time })
            .ok_or_else(|| format!("`{}` is not a date that exists", brief(text))),
        Resolved::Merge | Resolved::Value => {
            Err(format!("`{}` has a special meaning in YAML 1.1; quote it", brief(text)))
        }
    }
}

static CORE_FLOAT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"));

/// The plain scalar `text` in the core schema of YAML 1.2.
pub(super) fn core(text: &str) -> YamlValue {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is = |digits: &str, radix: u32| !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return YamlValue::Null,
        "true" | "True" | "TRUE" => return YamlValue::Bool(true),
        "false" | "False" | "FALSE" => return YamlValue::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return YamlValue::Float(f64::NAN),
        _ => {}
    }
    if is(digits, 10) {
        YamlValue::Int(python::decimal(digits, text.starts_with('-')))
    } else if let Some(octal) = text.strip_prefix("0o").filter(|octal| is(octal, 8)) {
        YamlValue::Int(python::in_radix(octal, 8, false))
    } else if let Some(hexadecimal) = text.strip_prefix("0x").filter(|hexadecimal| is(hexadecimal, 16)) {
        YamlValue::Int(python::in_radix(hexadecimal, 16, false))
    } else if matches!(digits, ".inf" | ".Inf" | ".INF") {
        YamlValue::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY })
    } else if CORE_FLOAT.is_match(text) {
        text.parse().map_or_else(|_| YamlValue::Text(text.to_owned()), YamlValue::Float)
    } else {
        YamlValue::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml_1_1(text: &str) -> YamlValue {
        construct(resolve(text), text).unwrap()
    }

    #[test]
    fn words_and_numbers_that_the_two_versions_read_differently() {
        let int = |text: &str| YamlValue::Int(text.to_owned());
        let text = |text: &str| YamlValue::Text(text.to_owned());
        for (plain, old, new) in [
            ("on", YamlValue::Bool(true), text("on")),
            ("No", YamlValue::Bool(false), text("No")),
            ("0o14", text("0o14"), int("12")),
            ("014", int("12"), int("14")),
            ("1:30", int("90"), text("1:30")),
            ("1_000", int("1000"), text("1_000")),
            ("0b11", int("3"), text("0b11")),
            ("1e5", text("1e5"), YamlValue::Float(1e5)),
            ("1:30.5", YamlValue::Float(90.5), text("1:30.5")),
            ("2020-01-02", YamlValue::Timestamp { text: "2020-01-02".to_owned(), has_time: false }, text("2020-01-02")),
        ] {
            assert_eq!((yaml_1_1(plain), core(plain)), (old, new), "{plain}");
        }
    }

    #[test]
    fn words_and_numbers_that_both_versions_read_alike() {
        for plain in
            ["1.6", "12", "-3", "true", "~", "", "null", "2.0.0", "SPS_TPAM", "main.py", ".5", "1.5e+3", "0x1F"]
        {
            assert_eq!(yaml_1_1(plain), core(plain), "{plain}");
        }
    }

    #[test]
    fn what_python_cannot_construct_is_refused() {
        for plain in ["2020-13-01", "0b_", "09"] {
            let resolved = resolve(plain);
            assert!(resolved == Resolved::Text || construct(resolved, plain).is_err(), "{plain}");
        }
        assert!(construct(Resolved::Int, &"9".repeat(4301)).is_err());
        assert!(construct(resolve("="), "=").is_err());
    }
}
