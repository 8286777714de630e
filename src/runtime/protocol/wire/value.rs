//! Values that a plugin gets, and objects that it returned.

use super::{Reader, WireError, Writer, tag};
use crate::{case::Value, trace::Observed};

/// How deep values may nest: a little deeper than the worker reads a result.
const DEPTH_LIMIT: usize = Observed::DEPTH_LIMIT + 20;

impl Writer {
    /// Writes a value.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.byte(tag::NONE),
            Value::Bool(flag) => self.byte(if *flag { tag::TRUE } else { tag::FALSE }),
            Value::Int(number) => {
                self.byte(tag::INT);
                self.signed(*number);
            }
            Value::BigInt(digits) => {
                self.byte(tag::BIG_INT);
                self.blob(digits.as_bytes());
            }
            Value::Float(number) => {
                self.byte(tag::FLOAT);
                self.bytes.extend_from_slice(&number.to_le_bytes());
            }
            Value::Str(text) => {
                self.byte(tag::STR);
                self.blob(text.as_bytes());
            }
            Value::List(items) => {
                self.byte(tag::LIST);
                self.number(items.len() as u64);
                for item in items {
                    self.value(item);
                }
            }
            Value::Dict(entries) => {
                self.byte(tag::DICT);
                self.number(entries.len() as u64);
                for (key, value) in entries {
                    self.byte(tag::STR);
                    self.blob(key.as_bytes());
                    self.value(value);
                }
            }
        }
    }
}

impl Reader<'_> {
    /// Reads a value.
    ///
    /// # Errors
    /// If the bytes are none, or if JSON cannot carry what they are.
    pub fn value(&mut self) -> Result<Value, WireError> {
        self.value_within(DEPTH_LIMIT)
    }

    fn value_within(&mut self, depth: usize) -> Result<Value, WireError> {
        let depth = depth.checked_sub(1).ok_or(self.error())?;
        Ok(match self.byte()? {
            tag::NONE => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INT => Value::Int(self.signed()?),
            tag::BIG_INT => Value::BigInt(self.text()?.into()),
            tag::FLOAT => Value::Float(self.float()?),
            tag::STR => Value::Str(self.text()?.to_owned()),
            tag::LIST => {
                let count = self.count()?;
                let mut items = Vec::with_capacity(count.min(1024));
                for _ in 0..count {
                    items.push(self.value_within(depth)?);
                }
                Value::List(items)
            }
            tag::DICT => {
                let count = self.count()?;
                self.spend(count)?;
                let mut entries = Vec::with_capacity(count.min(1024));
                for _ in 0..count {
                    if self.byte()? != tag::STR {
                        return Err(self.error());
                    }
                    let key = self.text()?.to_owned();
                    entries.push((key, self.value_within(depth)?));
                }
                Value::Dict(entries)
            }
            _ => return Err(self.error()),
        })
    }

    /// Reads an object that a hook returned.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn observed(&mut self) -> Result<Observed, WireError> {
        self.observed_within(DEPTH_LIMIT)
    }

    fn observed_within(&mut self, depth: usize) -> Result<Observed, WireError> {
        let depth = depth.checked_sub(1).ok_or(self.error())?;
        Ok(match self.byte()? {
            tag::NONE => Observed::None,
            tag::FALSE => Observed::Bool(false),
            tag::TRUE => Observed::Bool(true),
            tag::INT => Observed::Int(self.signed()?),
            tag::BIG_INT => Observed::BigInt(self.text()?.into()),
            tag::FLOAT => Observed::Float(self.float()?),
            tag::STR => Observed::Str(self.text()?.to_owned()),
            tag::BROKEN_STR => Observed::BrokenStr(self.text()?.to_owned()),
            tag::BYTES => Observed::Bytes(self.blob()?.to_owned()),
            tag::LIST => Observed::List(self.items(depth)?),
            tag::TUPLE => Observed::Tuple(self.items(depth)?),
            tag::SET => Observed::Set(self.items(depth)?),
            tag::DICT => {
                let count = self.count()?;
                self.spend(count)?;
                let mut entries = Vec::with_capacity(count.min(1024));
                for _ in 0..count {
                    entries.push((self.observed_within(depth)?, self.observed_within(depth)?));
                }
                Observed::Dict(entries)
            }
            tag::CYCLE => Observed::Cycle,
            tag::TRUNCATED => Observed::Truncated,
            tag::OBJECT => Observed::Object { type_name: self.text()?.to_owned() },
            _ => return Err(self.error()),
        })
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Observed>, WireError> {
        let count = self.count()?;
        let mut items = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            items.push(self.observed_within(depth)?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::protocol::wire::REPLY_OBJECTS;

    #[test]
    fn a_length_beyond_what_is_there_allocates_nothing() {
        let mut writer = Writer::default();
        writer.byte(tag::LIST);
        writer.number(u64::MAX >> 1);
        assert_eq!(Reader::new(&writer.bytes).observed(), Err(WireError(writer.bytes.len())));
    }

    #[test]
    fn a_reply_of_more_objects_than_a_worker_writes_is_an_error_before_they_are_made() {
        let list = |length: usize| {
            let mut writer = Writer::default();
            writer.byte(tag::LIST);
            writer.number(length as u64);
            writer.bytes.resize(writer.bytes.len() + length, tag::NONE);
            writer.bytes
        };
        let half = list(REPLY_OBJECTS / 2);
        let bytes = half.repeat(3);
        let mut reader = Reader::of_reply(&bytes);
        assert!(reader.observed().is_ok() && reader.observed().is_ok());
        // The reader reads the length of the third and nothing else of it.
        assert_eq!(reader.observed(), Err(WireError(2 * half.len() + half.len() - REPLY_OBJECTS / 2)));

        let pairs = {
            let mut writer = Writer::default();
            writer.byte(tag::DICT);
            writer.number(REPLY_OBJECTS as u64 / 2 + 1);
            writer.bytes.resize(writer.bytes.len() + REPLY_OBJECTS + 2, tag::NONE);
            writer.bytes
        };
        assert!(Reader::of_reply(&pairs).observed().is_err());
    }

    #[test]
    fn nesting_without_end_is_an_error() {
        let bytes = [tag::LIST, 1].repeat(1_000_000);
        assert!(Reader::new(&bytes).observed().is_err());
    }
}
