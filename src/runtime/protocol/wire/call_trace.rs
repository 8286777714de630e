//! What a worker observed of a call: its ending, its output, its attempts and what it left behind.

use std::time::Duration;

use super::{Reader, WireError, Writer, ending};
use crate::{
    contract::Hook,
    trace::{
        Attempt, AttemptKind, CallTrace, CapturedOutput, Cause, CookieValue, Ending, Exception, Frame, Leftover,
        LeftoverKind, LogRecord, Origin, ScratchFile,
    },
};

/// The most frames of a stack: more than `faulthandler` and the worker ever write.
const FRAMES_LIMIT: usize = 256;
/// The most files, attempts or leftovers of a call: more than the worker writes.
const LIST_LIMIT: usize = 4096;
/// How many objects a call counts as, beside those that have a count of their own.
const CALL_OBJECTS: usize = 16;

impl Writer {
    /// Writes frames, innermost first.
    pub fn frames(&mut self, frames: &[Frame]) {
        self.number(frames.len() as u64);
        for frame in frames {
            self.byte(frame.origin as u8);
            self.blob(frame.file.as_bytes());
            self.blob(frame.function.as_bytes());
            self.number(u64::from(frame.line));
        }
    }

    /// Writes an exception.
    pub fn exception(&mut self, exception: &Exception) {
        self.blob(exception.type_name.as_bytes());
        self.blob(exception.message.as_bytes());
        self.frames(&exception.frames);
        self.byte(u8::from(exception.in_constructor));
        self.blob(exception.expression.as_bytes());
        self.errno(exception.errno);
        self.number(exception.causes.len() as u64);
        for cause in &exception.causes {
            self.blob(cause.type_name.as_bytes());
            self.blob(cause.message.as_bytes());
            self.errno(cause.errno);
        }
        self.cookie_values(&exception.operands);
    }

    /// The numbers of errors are positive, so zero stands for none.
    fn errno(&mut self, errno: Option<i32>) {
        self.signed(i64::from(errno.unwrap_or(0)));
    }

    /// Writes values of cookies with their count before them.
    pub fn cookie_values(&mut self, values: &[CookieValue]) {
        self.number(values.len() as u64);
        for value in values {
            self.blob(value.path.as_bytes());
            self.blob(value.type_name.as_bytes());
        }
    }

    /// Writes what a call printed to a stream.
    pub fn output(&mut self, output: &CapturedOutput) {
        self.number(output.bytes);
        self.blob(output.text.as_bytes());
        self.number(output.records.len() as u64);
        for record in &output.records {
            self.signed(record.level);
            self.number(record.start);
            self.number(record.end);
            self.blob(record.template.as_bytes());
            self.frames(std::slice::from_ref(&record.frame));
        }
    }

    /// Writes attempts with their count before them.
    pub fn attempts(&mut self, attempts: &[Attempt]) {
        self.number(attempts.len() as u64);
        for attempt in attempts {
            self.byte(attempt.kind as u8);
            self.blob(attempt.target.as_bytes());
            self.frames(&attempt.frames);
        }
    }

    /// Writes what a call left behind, with a count before it.
    pub fn leftovers(&mut self, leftovers: &[Leftover]) {
        self.number(leftovers.len() as u64);
        for leftover in leftovers {
            self.byte(leftover.kind as u8);
            self.blob(leftover.what.as_bytes());
            self.frames(&leftover.frames);
        }
    }
}

impl Reader<'_> {
    /// Reads frames.
    ///
    /// # Errors
    /// If the bytes are none.
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

    /// Reads an exception.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn exception(&mut self) -> Result<Exception, WireError> {
        Ok(Exception {
            type_name: self.text()?.to_owned(),
            message: self.text()?.to_owned(),
            frames: self.frames()?,
            in_constructor: self.byte()? != 0,
            expression: self.text()?.to_owned(),
            errno: self.errno()?,
            causes: self.causes()?,
            operands: self.cookie_values()?,
        })
    }

    fn errno(&mut self) -> Result<Option<i32>, WireError> {
        let number = i32::try_from(self.signed()?).map_err(|_| self.error())?;
        Ok((number != 0).then_some(number))
    }

    fn causes(&mut self) -> Result<Vec<Cause>, WireError> {
        let count = self.count_within(Exception::CAUSES_LIMIT)?;
        (0..count)
            .map(|_| {
                let (type_name, message) = (self.text()?.to_owned(), self.text()?.to_owned());
                Ok(Cause { type_name, message, errno: self.errno()? })
            })
            .collect()
    }

    /// Reads values of cookies.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn cookie_values(&mut self) -> Result<Vec<CookieValue>, WireError> {
        let count = self.count_within(CookieValue::LIMIT)?;
        (0..count)
            .map(|_| Ok(CookieValue { path: self.text()?.to_owned(), type_name: self.text()?.to_owned() }))
            .collect()
    }

    fn output(&mut self) -> Result<CapturedOutput, WireError> {
        let (bytes, text) = (self.number()?, self.text()?.to_owned());
        let count = self.count_within(LogRecord::LIMIT)?;
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            records.push(LogRecord {
                level: self.signed()?,
                start: self.number()?,
                end: self.number()?,
                template: self.text()?.to_owned(),
                frame: self.frames()?.pop().ok_or(self.error())?,
            });
        }
        Ok(CapturedOutput { text, bytes, records })
    }

    /// Reads attempts.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn attempts(&mut self) -> Result<Vec<Attempt>, WireError> {
        let count = self.count_within(LIST_LIMIT)?;
        let mut attempts = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            attempts.push(Attempt {
                kind: AttemptKind::numbered(self.byte()?).ok_or(self.error())?,
                target: self.text()?.to_owned(),
                frames: self.frames()?,
            });
        }
        Ok(attempts)
    }

    /// Reads what a call left behind.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn leftovers(&mut self) -> Result<Vec<Leftover>, WireError> {
        let count = self.count_within(LIST_LIMIT)?;
        let mut leftovers = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            leftovers.push(Leftover {
                kind: LeftoverKind::numbered(self.byte()?).ok_or(self.error())?,
                what: self.text()?.to_owned(),
                frames: self.frames()?,
            });
        }
        Ok(leftovers)
    }

    fn ending(&mut self, memory_bytes: u64) -> Result<Ending, WireError> {
        Ok(match self.byte()? {
            ending::RETURNED => Ending::Returned(self.observed()?),
            ending::RAISED => Ending::Raised(self.exception()?),
            ending::EXITED => Ending::Exited {
                status: i32::try_from(self.signed()?).map_err(|_| self.error())?,
                frames: self.frames()?,
            },
            ending::OUT_OF_MEMORY => Ending::OutOfMemory { limit: memory_bytes, frames: self.frames()? },
            ending::CUT_OFF => Ending::CutOff,
            _ => return Err(self.error()),
        })
    }

    /// Reads a call that ended, after its [`record::CALL`](super::record::CALL) byte; `memory_bytes` is the limit under
    /// which it ran.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn call_trace(&mut self, memory_bytes: u64) -> Result<CallTrace, WireError> {
        self.spend(CALL_OBJECTS)?;
        let call = usize::try_from(self.number()?).map_err(|_| self.error())?;
        let round = usize::try_from(self.number()?).map_err(|_| self.error())?;
        let hook = Hook::numbered(self.byte()?).ok_or(self.error())?;
        let answer_is_secret = self.byte()? != 0;
        let elapsed = Duration::from_nanos(self.number()?);
        let ending = self.ending(memory_bytes)?;
        let (stdout, stderr) = (self.output()?, self.output()?);
        let count = self.count_within(LIST_LIMIT)?;
        let mut files = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            files.push(ScratchFile { path: self.text()?.to_owned(), text: self.text()?.to_owned() });
        }
        let (attempts, leftovers, changed_types) = (self.attempts()?, self.leftovers()?, self.cookie_values()?);
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
            changed_types,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_frames_than_a_worker_writes_are_an_error() {
        let frames = |count: usize| {
            let mut writer = Writer::default();
            writer.number(count as u64);
            writer.bytes.extend([0, 0, 0, 0].repeat(count));
            writer.bytes
        };
        assert!(Reader::of_reply(&frames(FRAMES_LIMIT)).frames().is_ok());
        assert!(Reader::of_reply(&frames(FRAMES_LIMIT + 1)).frames().is_err());
    }
}
