//! A value that JSON can represent: arguments and cookies consist of such values.

use std::{collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};

/// A JSON value. A dict keeps the order of its keys, because a plugin can see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// None.
    #[default]
    Null,
    /// A bool.
    Bool(bool),
    /// An int that fits 64 bits.
    Int(i64),
    /// A larger int, in decimal. Only plugins make these, no generator.
    BigInt(Box<str>),
    /// A finite float.
    Float(f64),
    /// Text without lone surrogates.
    Str(String),
    /// A list.
    List(Vec<Value>),
    /// A dict with text as keys, each once.
    Dict(Vec<(String, Value)>),
}

impl Value {
    /// An empty dict: what a cookie is at the first call.
    pub const fn empty_dict() -> Self {
        Self::Dict(Vec::new())
    }

    /// A value that is text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Str(text.into())
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a dict.
    pub fn as_dict(&self) -> Option<&[(String, Value)]> {
        match self {
            Self::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of `key`, if it is a dict that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_dict()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Whether it is a dict without entries.
    pub fn is_empty_dict(&self) -> bool {
        matches!(self, Self::Dict(entries) if entries.is_empty())
    }

    /// Whether `is_it` is true of the value or of a value in it. Keys do not count.
    pub(crate) fn any(&self, is_it: &dyn Fn(&Value) -> bool) -> bool {
        is_it(self)
            || match self {
                Self::List(items) => items.iter().any(|item| item.any(is_it)),
                Self::Dict(entries) => entries.iter().any(|(_, value)| value.any(is_it)),
                _ => false,
            }
    }

    /// Sets `key`, at the index that it has or at the end. Does nothing if this is not a dict.
    pub fn set(&mut self, key: &str, value: Value) {
        if let Self::Dict(entries) = self {
            match entries.iter_mut().find(|(name, _)| name == key) {
                Some(entry) => entry.1 = value,
                None => entries.push((key.to_owned(), value)),
            }
        }
    }
}

/// Whether it is an int in decimal.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Builds the entries of a dict, each key once. It searches few entries and has an index of many, so that the
/// time is proportional to their number.
#[derive(Debug, Default)]
pub(crate) struct DictBuilder {
    entries: Vec<(String, Value)>,
    /// The index of each key; empty while there are few entries.
    index: HashMap<String, usize>,
}

impl DictBuilder {
    /// Up to how many entries are searched.
    const FEW: usize = 32;

    /// The index of `key`.
    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        if self.index.is_empty() {
            self.entries.iter().position(|(known, _)| known == key)
        } else {
            self.index.get(key).copied()
        }
    }

    /// Sets `key`, at the index that it has or at the end.
    pub(crate) fn set(&mut self, key: String, value: Value) {
        if let Some(position) = self.position(&key) {
            self.entries[position].1 = value;
            return;
        }
        if !self.index.is_empty() {
            self.index.insert(key.clone(), self.entries.len());
        }
        self.entries.push((key, value));
        if self.index.is_empty() && self.entries.len() > Self::FEW {
            self.index = self.entries.iter().enumerate().map(|(position, (key, _))| (key.clone(), position)).collect();
        }
    }

    pub(crate) fn into_vec(self) -> Vec<(String, Value)> {
        self.entries
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl fmt::Display for Value {
    /// As one line of JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => serializer.serialize_i64(*number),
            // serde_json writes a RawValue unchanged. A hostile plugin may send something other than digits, which
            // could be any JSON.
            Self::BigInt(digits) if is_decimal(digits) => {
                match serde_json::value::RawValue::from_string(digits.to_string()) {
                    Ok(raw) => raw.serialize(serializer),
                    Err(_) => serializer.serialize_str(digits),
                }
            }
            Self::BigInt(digits) => serializer.serialize_str(digits),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Str(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Dict(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;

        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
                Ok(Value::Bool(flag))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Int(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(i64::try_from(number).map_or_else(|_| Value::BigInt(number.to_string().into()), Value::Int))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
                Ok(Value::Float(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Str(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Value, E> {
                Ok(Value::Str(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Value::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut entries = DictBuilder::default();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if entries.position(&key).is_some() {
                        return Err(de::Error::custom(format!("key `{key}` appears twice")));
                    }
                    entries.set(key, value);
                }
                Ok(Value::Dict(entries.into_vec()))
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_survives_json() {
        let value = Value::Dict(vec![
            ("b".into(), Value::List(vec![Value::Null, Value::Bool(true), Value::Int(-3), Value::Float(1.5)])),
            ("a".into(), Value::text("\u{202e}x")),
        ]);
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(json, "{\"b\":[null,true,-3,1.5],\"a\":\"\u{202e}x\"}");
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
    }

    #[test]
    fn a_large_int_keeps_its_digits_when_written() {
        let digits = "123456789012345678901234567890";
        assert_eq!(serde_json::to_string(&Value::BigInt(digits.into())).unwrap(), digits);
    }

    #[test]
    fn what_is_not_an_int_is_written_as_text() {
        for lie in ["{\"a\":1}", "1,2", "null", "", "-", "123…"] {
            let written = serde_json::to_string(&Value::BigInt(lie.into())).unwrap();
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), lie);
        }
    }

    #[test]
    fn a_dict_of_many_keys_is_read_in_order_and_a_late_duplicate_is_refused() {
        let keys: Vec<String> = (0..200_000).map(|number| format!("\"k{number}\":{number}")).collect();
        let value: Value = serde_json::from_str(&format!("{{{}}}", keys.join(","))).unwrap();
        let entries = value.as_dict().unwrap();
        assert!(entries.iter().enumerate().all(|(at, (_, value))| *value == Value::Int(at as i64)));
        assert!(serde_json::from_str::<Value>(&format!("{{{},\"k7\":0}}", keys.join(","))).is_err());
    }

    #[test]
    fn a_key_that_appears_twice_is_refused() {
        let error = serde_json::from_str::<Value>(r#"{"a": 1, "a": 2}"#).unwrap_err();
        assert!(error.to_string().contains("key `a` appears twice"), "{error}");
    }
}
