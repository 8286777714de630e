//! What a hook returned, with more types than JSON has, so that an oracle can distinguish bytes from text and a tuple
//! from a list without Python.

use std::fmt;

use crate::{
    case::{DictBuilder, Value},
    contract::float_repr,
};

/// A Python object as the runtime saw it. Objects of a subclass of a plain type appear as the plain type, as they do in
/// JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// None.
    None,
    /// A bool.
    Bool(bool),
    /// An int that fits 64 bits.
    Int(i64),
    /// A larger int, in decimal; a very large one as its first digits and `…`.
    BigInt(Box<str>),
    /// A float, NaN and the infinities included.
    Float(f64),
    /// Text.
    Str(String),
    /// Text with lone surrogates, written as `\udc80`.
    BrokenStr(String),
    /// bytes or bytearray, at most the first [`Observed::BYTES_LIMIT`].
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Observed>),
    /// A tuple.
    Tuple(Vec<Observed>),
    /// A set or frozenset, in its order of iteration.
    Set(Vec<Observed>),
    /// A dict in its own order; a key may be any hashable object.
    Dict(Vec<(Observed, Observed)>),
    /// Inside of a container: the container itself.
    Cycle,
    /// Something deeper or larger than the runtime reads.
    Truncated,
    /// An object of another type.
    Object {
        /// The type, with its module unless that is `builtins`.
        type_name: String,
    },
}

impl Observed {
    /// How deep a result is read. Python's own `json` fails at the recursion limit, near 1000.
    pub const DEPTH_LIMIT: usize = 900;
    /// How many objects of one result are read.
    pub const NODES_LIMIT: usize = 1_000_000;
    /// How many bytes of a bytes object are kept.
    pub const BYTES_LIMIT: usize = 4096;
    /// How many bytes of text are kept.
    pub const TEXT_LIMIT: usize = 8 * 1024 * 1024;

    /// The type's name in Python.
    pub fn type_name(&self) -> &str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) | Self::BrokenStr(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::Dict(_) => "dict",
            Self::Cycle => "cycle",
            Self::Truncated => "object",
            Self::Object { type_name } => type_name,
        }
    }

    /// The text, if it is text without lone surrogates.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a dict.
    pub fn as_dict(&self) -> Option<&[(Observed, Observed)]> {
        match self {
            Self::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of the text key `key`, if it is a dict that has it.
    pub fn get(&self, key: &str) -> Option<&Observed> {
        self.as_dict()?.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// The object after it crossed JSON: tuples are lists, and keys are text. `None` if JSON cannot represent it.
    pub fn through_json(&self) -> Option<Value> {
        Some(match self {
            Self::None => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Int(number) => Value::Int(*number),
            // Python cannot write an int that is cut off here.
            Self::BigInt(digits) if digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
                Value::BigInt(digits.clone())
            }
            Self::Float(number) if number.is_finite() => Value::Float(*number),
            Self::Str(text) => Value::Str(text.clone()),
            Self::List(items) | Self::Tuple(items) => {
                Value::List(items.iter().map(Self::through_json).collect::<Option<_>>()?)
            }
            Self::Dict(entries) => {
                let mut dict = DictBuilder::default();
                for (key, value) in entries {
                    dict.set(key.as_json_key()?, value.through_json()?);
                }
                Value::Dict(dict.into_vec())
            }
            _ => return None,
        })
    }

    /// The text that `json.dumps` makes of a key; `None` if it refuses the key.
    pub(crate) fn as_json_key(&self) -> Option<String> {
        Some(match self {
            Self::Str(text) => text.clone(),
            Self::None => "null".into(),
            Self::Bool(flag) => flag.to_string(),
            Self::Float(number) if number.is_nan() => "NaN".into(),
            Self::Float(number) if number.is_infinite() => {
                if *number > 0.0 {
                    "Infinity".into()
                } else {
                    "-Infinity".into()
                }
            }
            Self::Int(_) | Self::BigInt(_) | Self::Float(_) => self.to_string(),
            _ => return None,
        })
    }

    /// The items, if it is a list or a tuple.
    pub fn items(&self) -> Option<&[Observed]> {
        match self {
            Self::List(items) | Self::Tuple(items) => Some(items),
            _ => None,
        }
    }
}

impl From<&Value> for Observed {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::None,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Int(number) => Self::Int(*number),
            Value::BigInt(digits) => Self::BigInt(digits.clone()),
            Value::Float(number) => Self::Float(*number),
            Value::Str(text) => Self::Str(text.clone()),
            Value::List(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Dict(entries) => {
                Self::Dict(entries.iter().map(|(key, value)| (Self::Str(key.clone()), Self::from(value))).collect())
            }
        }
    }
}

impl fmt::Display for Observed {
    /// As Python's `repr` writes it, with everything in it; the caller cuts it for a screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn joined(f: &mut fmt::Formatter<'_>, open: &str, items: &[Observed], close: &str) -> fmt::Result {
            f.write_str(open)?;
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    f.write_str(", ")?;
                }
                item.fmt(f)?;
            }
            f.write_str(close)
        }
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(number) => write!(f, "{number}"),
            Self::BigInt(digits) => f.write_str(digits),
            Self::Float(number) => f.write_str(&float_repr(*number)),
            Self::Str(text) => write_text(f, text),
            Self::BrokenStr(text) => write!(f, "'{text}'"),
            Self::Bytes(bytes) => {
                f.write_str("b'")?;
                for byte in bytes {
                    match byte {
                        b'\'' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                        0x20..=0x7e => write!(f, "{}", char::from(*byte))?,
                        _ => write!(f, "\\x{byte:02x}")?,
                    }
                }
                f.write_str("'")
            }
            Self::List(items) => joined(f, "[", items, "]"),
            Self::Tuple(items) if items.len() == 1 => joined(f, "(", items, ",)"),
            Self::Tuple(items) => joined(f, "(", items, ")"),
            Self::Set(items) if items.is_empty() => f.write_str("set()"),
            Self::Set(items) => joined(f, "{", items, "}"),
            Self::Dict(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key}: {value}")?;
                }
                f.write_str("}")
            }
            Self::Cycle => f.write_str("<itself>"),
            Self::Truncated => f.write_str("…"),
            Self::Object { type_name } => write!(f, "<{type_name} object>"),
        }
    }
}

/// Text as Python's repr writes it, so that a terminal shows control characters instead of obeying them.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    write!(f, "{quote}")?;
    for character in text.chars() {
        match character {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\\' => f.write_str("\\\\")?,
            _ if character == quote => write!(f, "\\{quote}")?,
            _ if character.is_control() || is_invisible(character) => {
                let code = character as u32;
                match code {
                    0..=0xff => write!(f, "\\x{code:02x}")?,
                    0x100..=0xffff => write!(f, "\\u{code:04x}")?,
                    _ => write!(f, "\\U{code:08x}")?,
                }
            }
            _ => write!(f, "{character}")?,
        }
    }
    write!(f, "{quote}")
}

/// Format characters and separators that Python's repr escapes and a terminal may obey.
pub(crate) const fn is_invisible(character: char) -> bool {
    matches!(character as u32,
        0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x180e | 0x1680 | 0x2000..=0x200f | 0x2028..=0x202f
        | 0x205f..=0x206f | 0x3000 | 0xfeff | 0xfff9..=0xfffb | 0xe0001..=0xe007f | 0xe000..=0xf8ff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_written_as_python_writes_it() {
        let observed = Observed::Dict(vec![
            (Observed::Str("it's".into()), Observed::Tuple(vec![Observed::Int(1)])),
            (Observed::Int(2), Observed::Bytes(b"a'\xff".to_vec())),
            (Observed::None, Observed::Float(f64::NAN)),
        ]);
        assert_eq!(observed.to_string(), r#"{"it's": (1,), 2: b'a\'\xff', None: nan}"#);
    }

    #[test]
    fn a_float_as_a_key_becomes_what_python_writes() {
        let float = |number: f64| Observed::Float(number).as_json_key().unwrap();
        assert_eq!([1e16, 1e-5, 1e15].map(float), ["1e+16", "1e-05", "1000000000000000.0"]);
        assert_eq!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(float), ["NaN", "Infinity", "-Infinity"]);
        assert_eq!(Observed::Bytes(Vec::new()).as_json_key(), None);
    }

    #[test]
    fn text_cannot_control_the_terminal() {
        assert_eq!(Observed::Str("a\u{202e}b\x1b[31m".into()).to_string(), r"'a\u202eb\x1b[31m'");
    }
}
