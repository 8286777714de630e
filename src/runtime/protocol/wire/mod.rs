//! How host and worker write sessions and what they saw of them: one codec for both ends.
//!
//! Bytes from a worker are hostile, since a plugin may have written over them: every length is checked against what is
//! there before anything is allocated, nesting is bounded, so is the number of things, which take many times the memory of
//! their bytes, and a malformed record is an error and never a panic.

mod attempt;
mod left_behind;
mod observation;
mod usage;

use std::time::Duration;

use thiserror::Error;

use crate::{
    case::{Call, Session, SetOption, Value},
    contract::{Argument, Hook},
    trace::{CallTrace, CapturedOutput, Ending, Exception, Frame, Observed, Origin, ScratchFile},
};

/// How deep values may nest: what the worker reads of a result, and a little.
const DEPTH_LIMIT: usize = Observed::DEPTH_LIMIT + 20;
/// How many frames a stack has at most: more than `faulthandler` and the worker ever tell.
const FRAMES_LIMIT: usize = 256;
/// How many things of one kind a call is told to have tried, or to have left behind, at most: more than the worker tells.
pub(super) const LEFT_LIMIT: usize = 4096;

/// How many things one reply may hold: what two calls may show at most. A batch ends when half of it is used.
pub const REPLY_THINGS: usize = 2 * Observed::NODES_LIMIT;
/// How many things the pieces of a call are worth beside those that are counted.
const CALL_THINGS: usize = 16;

/// Bytes that are no record of ours.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the worker's record is malformed at byte {0}")]
pub struct WireError(pub usize);

/// Writes records.
#[derive(Debug, Default)]
pub struct Writer {
    /// What was written.
    pub bytes: Vec<u8>,
}

impl Writer {
    /// A byte.
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// An unsigned number, seven bits a byte.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// A signed number.
    pub fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    /// Bytes with their length.
    pub fn blob(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// A value.
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

    /// A call, cookies left out.
    pub fn call(&mut self, call: &Call) {
        self.byte(call.hook as u8);
        self.byte(u8::from(call.other) | u8::from(call.cut_off) << 1);
        self.number(call.arguments.len() as u64);
        for (argument, value) in &call.arguments {
            self.byte(*argument as u8);
            self.value(value);
        }
        self.number(call.answers.len() as u64);
        for answer in &call.answers {
            self.blob(answer.as_bytes());
        }
    }

    /// A session.
    pub fn session(&mut self, session: &Session) {
        self.value(&session.cookie);
        self.value(&session.session_cookie);
        self.options(&session.options);
        self.value(&session.services);
        self.number(session.calls.len() as u64);
        for call in &session.calls {
            self.call(call);
        }
    }

    /// Options that are set.
    pub fn options(&mut self, options: &[SetOption]) {
        self.number(options.len() as u64);
        for option in options {
            self.blob(option.section.as_bytes());
            self.blob(option.name.as_bytes());
            self.blob(option.value.as_bytes());
        }
    }

    /// Frames, innermost first.
    pub fn frames(&mut self, frames: &[Frame]) {
        self.number(frames.len() as u64);
        for frame in frames {
            self.byte(frame.origin as u8);
            self.blob(frame.file.as_bytes());
            self.blob(frame.function.as_bytes());
            self.number(u64::from(frame.line));
        }
    }

    /// An exception.
    pub fn exception(&mut self, exception: &Exception) {
        self.blob(exception.type_name.as_bytes());
        self.blob(exception.message.as_bytes());
        self.frames(&exception.frames);
        self.byte(u8::from(exception.in_constructor));
    }

    /// What a call wrote to a stream.
    pub fn output(&mut self, output: &CapturedOutput) {
        self.number(output.bytes);
        self.blob(output.text.as_bytes());
    }
}

/// The first byte of a value.
pub mod tag {
    #![expect(missing_docs, reason = "each is named after the variant of Observed that it begins")]
    pub const NONE: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INT: u8 = 3;
    pub const BIG_INT: u8 = 4;
    pub const FLOAT: u8 = 5;
    pub const STR: u8 = 6;
    pub const BROKEN_STR: u8 = 7;
    pub const BYTES: u8 = 8;
    pub const LIST: u8 = 9;
    pub const TUPLE: u8 = 10;
    pub const SET: u8 = 11;
    pub const DICT: u8 = 12;
    pub const CYCLE: u8 = 13;
    pub const TRUNCATED: u8 = 14;
    pub const OBJECT: u8 = 15;
}

/// The first byte of how a call ended.
pub mod ending {
    #![expect(missing_docs, reason = "each is named after the variant of Ending that it begins")]
    pub const RETURNED: u8 = 0;
    pub const RAISED: u8 = 1;
    pub const EXITED: u8 = 2;
    pub const OUT_OF_MEMORY: u8 = 3;
    pub const CUT_OFF: u8 = 4;
}

/// The first byte of a record in the reply.
pub mod record {
    /// A call that ended: what [`super::Reader::call_trace`] reads.
    pub const CALL: u8 = 1;
    /// The end of a session: changes, cookie, session_cookie.
    pub const SESSION: u8 = 2;
    /// Before the end of a session that was watched: the edges that it took.
    pub const EDGES: u8 = 3;
    /// Before the end of a session that was watched: what it compared.
    pub const COMPARISONS: u8 = 4;
    /// After a call that was measured: what it cost.
    pub const USAGE: u8 = 5;
    /// Before the end of a session that was measured, now and then: what the process holds.
    pub const HOLDING: u8 = 6;
}

/// Reads records.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many things may still be read.
    things_left: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from their beginning.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, things_left: usize::MAX }
    }

    /// Reads a worker's reply, of at most [`REPLY_THINGS`].
    pub const fn of_reply(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, things_left: REPLY_THINGS }
    }

    /// Whether everything was read.
    pub const fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) const fn error(&self) -> WireError {
        WireError(self.at)
    }

    /// A byte.
    ///
    /// # Errors
    /// At the end.
    pub fn byte(&mut self) -> Result<u8, WireError> {
        let byte = *self.bytes.get(self.at).ok_or(WireError(self.at))?;
        self.at += 1;
        Ok(byte)
    }

    /// An unsigned number.
    ///
    /// # Errors
    /// At the end, or where it has more than 64 bits.
    pub fn number(&mut self) -> Result<u64, WireError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.error())
    }

    /// A signed number.
    ///
    /// # Errors
    /// As [`Reader::number`].
    pub fn signed(&mut self) -> Result<i64, WireError> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// How many things follow, each of at least one byte.
    ///
    /// # Errors
    /// Where fewer bytes are left than things are said to follow, or they are more than may be read.
    pub fn count(&mut self) -> Result<usize, WireError> {
        let count = self.length()?;
        self.spend(count)?;
        Ok(count)
    }

    /// How many bytes follow.
    pub(super) fn length(&mut self) -> Result<usize, WireError> {
        let length = usize::try_from(self.number()?).map_err(|_| self.error())?;
        if length > self.bytes.len() - self.at { Err(self.error()) } else { Ok(length) }
    }

    /// Takes it that so many things are read.
    fn spend(&mut self, things: usize) -> Result<(), WireError> {
        self.things_left = self.things_left.checked_sub(things).ok_or(self.error())?;
        Ok(())
    }

    /// The same, where no worker of ours ever tells more than `limit` of them.
    ///
    /// # Errors
    /// As [`Reader::count`], and where more are said to follow.
    pub fn count_within(&mut self, limit: usize) -> Result<usize, WireError> {
        let count = self.count()?;
        if count > limit { Err(self.error()) } else { Ok(count) }
    }

    /// Bytes with their length.
    ///
    /// # Errors
    /// Where fewer are left.
    pub fn blob(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.length()?;
        let bytes = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(bytes)
    }

    /// Text.
    ///
    /// # Errors
    /// As [`Reader::blob`], and where it is no UTF-8.
    pub fn text(&mut self) -> Result<&'a str, WireError> {
        let at = self.at;
        std::str::from_utf8(self.blob()?).map_err(|_| WireError(at))
    }

    fn float(&mut self) -> Result<f64, WireError> {
        let bytes = self.bytes.get(self.at..self.at + 8).ok_or(WireError(self.at))?;
        self.at += 8;
        Ok(f64::from_le_bytes(bytes.try_into().expect("the slice has eight bytes")))
    }

    /// A value.
    ///
    /// # Errors
    /// Where there is none, or what is there cannot cross JSON.
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

    /// An observed object.
    ///
    /// # Errors
    /// Where there is none.
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

    /// A call.
    ///
    /// # Errors
    /// Where there is none.
    pub fn call(&mut self) -> Result<Call, WireError> {
        let hook = Hook::numbered(self.byte()?).ok_or(self.error())?;
        let flags = self.byte()?;
        let count = self.count()?;
        let mut arguments = Vec::with_capacity(count.min(Argument::ALL.len()));
        for _ in 0..count {
            let argument = Argument::numbered(self.byte()?).ok_or(self.error())?;
            arguments.push((argument, self.value()?));
        }
        let count = self.count()?;
        let mut answers = Vec::with_capacity(count.min(16));
        for _ in 0..count {
            answers.push(self.text()?.to_owned());
        }
        Ok(Call { hook, other: flags & 1 != 0, arguments, answers, cut_off: flags & 2 != 0 })
    }

    /// A session.
    ///
    /// # Errors
    /// Where there is none.
    pub fn session(&mut self) -> Result<Session, WireError> {
        let cookie = self.value()?;
        let session_cookie = self.value()?;
        let options = self.options()?;
        let services = self.value()?;
        let count = self.count()?;
        let mut calls = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            calls.push(self.call()?);
        }
        Ok(Session { cookie, session_cookie, calls, options, services })
    }

    /// Options that are set.
    ///
    /// # Errors
    /// Where there are none.
    pub fn options(&mut self) -> Result<Vec<SetOption>, WireError> {
        let count = self.count()?;
        let mut options = Vec::with_capacity(count.min(16));
        for _ in 0..count {
            options.push(SetOption {
                section: self.text()?.to_owned(),
                name: self.text()?.to_owned(),
                value: self.text()?.to_owned(),
            });
        }
        Ok(options)
    }

    /// Frames.
    ///
    /// # Errors
    /// Where there are none.
    pub fn frames(&mut self) -> Result<Vec<Frame>, WireError> {
        let count = self.count_within(FRAMES_LIMIT)?;
        let mut frames = Vec::with_capacity(count);
        for _ in 0..count {
            let origin = match self.byte()? {
                0 => Origin::Plugin,
                1 => Origin::StandardLibrary,
                2 => Origin::Other,
                _ => return Err(self.error()),
            };
            frames.push(Frame {
                origin,
                file: self.text()?.to_owned(),
                function: self.text()?.to_owned(),
                line: u32::try_from(self.number()?).map_err(|_| self.error())?,
            });
        }
        Ok(frames)
    }

    /// An exception.
    ///
    /// # Errors
    /// Where there is none.
    pub fn exception(&mut self) -> Result<Exception, WireError> {
        Ok(Exception {
            type_name: self.text()?.to_owned(),
            message: self.text()?.to_owned(),
            frames: self.frames()?,
            in_constructor: self.byte()? != 0,
        })
    }

    fn output(&mut self) -> Result<CapturedOutput, WireError> {
        Ok(CapturedOutput { bytes: self.number()?, text: self.text()?.to_owned() })
    }

    /// A call that ended, after its [`record::CALL`] byte; `memory_bytes` is the limit that it ran under.
    ///
    /// # Errors
    /// Where there is none.
    pub fn call_trace(&mut self, memory_bytes: u64) -> Result<CallTrace, WireError> {
        self.spend(CALL_THINGS)?;
        let call = usize::try_from(self.number()?).map_err(|_| self.error())?;
        let round = usize::try_from(self.number()?).map_err(|_| self.error())?;
        let hook = Hook::numbered(self.byte()?).ok_or(self.error())?;
        let answer_is_secret = self.byte()? != 0;
        let elapsed = Duration::from_nanos(self.number()?);
        let ending = match self.byte()? {
            ending::RETURNED => Ending::Returned(self.observed()?),
            ending::RAISED => Ending::Raised(self.exception()?),
            ending::EXITED => Ending::Exited {
                status: i32::try_from(self.signed()?).map_err(|_| self.error())?,
                frames: self.frames()?,
            },
            ending::OUT_OF_MEMORY => Ending::OutOfMemory { limit: memory_bytes, frames: self.frames()? },
            ending::CUT_OFF => Ending::CutOff,
            _ => return Err(self.error()),
        };
        let stdout = self.output()?;
        let stderr = self.output()?;
        let count = self.count_within(LEFT_LIMIT)?;
        let mut files = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            files.push(ScratchFile { path: self.text()?.to_owned(), text: self.text()?.to_owned() });
        }
        let attempts = self.attempts()?;
        let leftovers = self.left()?;
        Ok(CallTrace {
            call,
            round,
            hook,
            answer_is_secret,
            ending,
            stdout,
            stderr,
            elapsed,
            files,
            attempts,
            leftovers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            cookie: Value::empty_dict(),
            session_cookie: Value::Dict(vec![
                ("a".into(), Value::List(vec![Value::Int(-1), Value::Int(i64::MIN), Value::Float(0.5), Value::Null])),
                ("b".into(), Value::BigInt("123456789012345678901".into())),
            ]),
            calls: vec![Call {
                hook: Hook::Authenticate,
                other: true,
                arguments: vec![
                    (Argument::SessionId, Value::text("s")),
                    (Argument::ClientPort, Value::Int(65535)),
                    (Argument::GatewayUser, Value::Bool(true)),
                ],
                answers: vec!["1234".into()],
                cut_off: true,
            }],
            options: vec![SetOption { section: "s".into(), name: "n".into(), value: "é".into() }],
            services: Value::Dict(vec![("user_lists".into(), Value::Null)]),
        }
    }

    #[test]
    fn a_session_crosses_the_wire_unchanged() {
        let mut writer = Writer::default();
        writer.session(&session());
        let mut reader = Reader::new(&writer.bytes);
        assert_eq!(reader.session().unwrap(), session());
        assert!(reader.is_at_end());
    }

    #[test]
    fn a_record_cut_anywhere_is_an_error() {
        let mut writer = Writer::default();
        writer.session(&session());
        for end in 0..writer.bytes.len() {
            assert!(Reader::new(&writer.bytes[..end]).session().is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_length_beyond_what_is_there_allocates_nothing() {
        let mut writer = Writer::default();
        writer.byte(tag::LIST);
        writer.number(u64::MAX >> 1);
        assert_eq!(Reader::new(&writer.bytes).observed(), Err(WireError(writer.bytes.len())));
    }

    #[test]
    fn a_reply_of_more_things_than_a_worker_writes_is_an_error_before_they_are_made() {
        let list = |length: usize| {
            let mut writer = Writer::default();
            writer.byte(tag::LIST);
            writer.number(length as u64);
            writer.bytes.resize(writer.bytes.len() + length, tag::NONE);
            writer.bytes
        };
        let half = list(REPLY_THINGS / 2);
        let bytes = half.repeat(3);
        let mut reader = Reader::of_reply(&bytes);
        assert!(reader.observed().is_ok() && reader.observed().is_ok());
        // Nothing of the third is read but its length.
        assert_eq!(reader.observed(), Err(WireError(2 * half.len() + half.len() - REPLY_THINGS / 2)));

        let frames = |count: usize| {
            let mut writer = Writer::default();
            writer.number(count as u64);
            writer.bytes.extend([0, 0, 0, 0].repeat(count));
            writer.bytes
        };
        assert!(Reader::of_reply(&frames(FRAMES_LIMIT)).frames().is_ok());
        assert!(Reader::of_reply(&frames(FRAMES_LIMIT + 1)).frames().is_err());
        let pairs = {
            let mut writer = Writer::default();
            writer.byte(tag::DICT);
            writer.number(REPLY_THINGS as u64 / 2 + 1);
            writer.bytes.resize(writer.bytes.len() + REPLY_THINGS + 2, tag::NONE);
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
