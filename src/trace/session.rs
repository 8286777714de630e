//! What a session and its calls showed.

use std::time::Duration;

use super::{Attempt, CookieValue, Exception, Frame, Leftover, Observed};
use crate::{case::Value, contract::Hook};

/// What one session showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The calls that were made, in order. A call of the case has an entry for each round of questions, and none if the
    /// session ended before it.
    pub calls: Vec<CallTrace>,
    /// What the session changed that may carry state over to the next one: `lib.plugin.CACHE`, for instance. Always
    /// empty for a session that ran isolated.
    pub changes: Vec<String>,
    /// What the plugin's next call would get as `cookie`.
    pub cookie: Value,
    /// What the next call of any plugin would get as `session_cookie`.
    pub session_cookie: Value,
}

/// What one call showed.
#[derive(Clone, Debug, PartialEq)]
pub struct CallTrace {
    /// The index in the session's calls.
    pub call: usize,
    /// 0 for the first invocation, then the number of the answer that this invocation got, from 1.
    pub round: usize,
    /// The hook.
    pub hook: Hook,
    /// Whether the call got an answer to a question that was asked with the echo off.
    pub answer_is_secret: bool,
    /// How it ended.
    pub ending: Ending,
    /// What it wrote to standard output.
    pub stdout: CapturedOutput,
    /// What it wrote to standard error.
    pub stderr: CapturedOutput,
    /// How long it took, construction of `Plugin` included.
    pub elapsed: Duration,
    /// The files in the session's folders after the call.
    pub files: Vec<ScratchFile>,
    /// What it tried that the sandbox does not allow, in order.
    pub attempts: Vec<Attempt>,
    /// What it left behind.
    pub leftovers: Vec<Leftover>,
    /// The values of the cookies that it returned whose type JSON does not keep: tuples, members of an enum, objects of
    /// other subclasses, keys that are no strings.
    pub changed_types: Vec<CookieValue>,
}

/// How a call ended. The frames of a stack come innermost first, and are empty where the stack is not known.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The hook returned a result.
    Returned(Observed),
    /// `Plugin(configuration)` or the hook raised.
    Raised(Exception),
    /// It ended the process: `sys.exit` (seen as `SystemExit`, with its frames) or `os._exit`.
    Exited {
        /// The exit status.
        status: i32,
        /// The stack.
        frames: Vec<Frame>,
    },
    /// The process died of a signal.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// The stack, from `faulthandler`.
        frames: Vec<Frame>,
    },
    /// The host killed it at the time limit.
    TimedOut {
        /// The limit.
        limit: Duration,
        /// The stack at the limit.
        frames: Vec<Frame>,
    },
    /// The host killed it before the time limit, at a place where an earlier call was confirmed to hang. No oracle
    /// judges it, and it is compared with no other.
    EndedEarly {
        /// The stack at that moment.
        frames: Vec<Frame>,
    },
    /// It needed more memory than the limit: the interpreter raised `MemoryError`, not the plugin's own `raise`.
    OutOfMemory {
        /// The limit in bytes.
        limit: u64,
        /// The stack.
        frames: Vec<Frame>,
    },
    /// Its process sent no valid report: the plugin wrote over memory or descriptors that are not its own.
    Corrupted,
    /// The platform cut it off on purpose ([`crate::case::Call::cut_off`]); no oracle judges what it did.
    CutOff,
}

impl Ending {
    /// Whether the call neither returned nor was cut off on purpose.
    pub const fn is_aborted(&self) -> bool {
        !matches!(self, Self::Returned(_) | Self::CutOff)
    }

    /// The stack at the end, innermost frame first.
    pub fn frames(&self) -> &[Frame] {
        match self {
            Self::Raised(exception) => &exception.frames,
            Self::Exited { frames, .. }
            | Self::Signalled { frames, .. }
            | Self::TimedOut { frames, .. }
            | Self::EndedEarly { frames }
            | Self::OutOfMemory { frames, .. } => frames,
            Self::Returned(_) | Self::Corrupted | Self::CutOff => &[],
        }
    }
}

/// What a call wrote to one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapturedOutput {
    /// The beginning and, where it is long, the end of it. U+FFFD replaces bytes that are not UTF-8.
    pub text: String,
    /// How many bytes were written in all.
    pub bytes: u64,
    /// The parts that records of Python's `logging` wrote, if this is standard error, in the order in which they ended.
    /// Empty where they are not known: the process died, or a hook imported `logging` itself.
    pub records: Vec<LogRecord>,
}

impl CapturedOutput {
    /// How many bytes of the beginning, and of the end, of a long output are kept.
    pub const KEPT: u64 = 32 << 10;
    /// The longest output that is kept whole, in bytes.
    pub const WHOLE: u64 = 64 << 10;

    /// The line between beginning and end of an output of so many bytes.
    pub fn gap(bytes: u64) -> String {
        format!("\n[… {} bytes …]\n", bytes - 2 * Self::KEPT)
    }

    /// The record that wrote what is at `at` in the text; the inner one if a handler logged something itself. `None` if
    /// no record wrote it, or if that is not known.
    pub fn record_at(&self, at: usize) -> Option<&LogRecord> {
        let at = self.position(at)?;
        self.records
            .iter()
            .filter(|record| record.start <= at && at < record.end)
            .min_by_key(|record| record.end - record.start)
    }

    /// Where the place of what is at `at` in the text ends: its record, or what is written between two of them. On the
    /// border of a character and after `at`; the text's length if the place is not known.
    pub fn after_place(&self, at: usize) -> usize {
        let end = self.position(at).map(|position| match self.record_at(at) {
            Some(record) => record.end,
            None => self
                .records
                .iter()
                .map(|record| record.start)
                .filter(|start| *start > position)
                .min()
                .unwrap_or(u64::MAX),
        });
        let after = end.map_or(self.text.len(), |end| self.index(end)).max(at + 1).min(self.text.len());
        (after..self.text.len()).find(|index| self.text.is_char_boundary(*index)).unwrap_or(self.text.len())
    }

    /// Where in the text the byte `position` of the output is, or what comes after the gap if it is in the gap.
    fn index(&self, position: u64) -> usize {
        let length = self.text.len() as u64;
        let index = if self.bytes <= Self::WHOLE || position < Self::KEPT {
            position
        } else {
            length.saturating_sub(self.bytes.saturating_sub(position).min(Self::KEPT))
        };
        usize::try_from(index).map_or(self.text.len(), |index| index.min(self.text.len()))
    }

    /// Where in the output the text has its byte `at`. `None` for the gap, and where replaced bytes moved the text.
    fn position(&self, at: usize) -> Option<u64> {
        let (at, length) = (at as u64, self.text.len() as u64);
        if self.bytes <= Self::WHOLE {
            return (length == self.bytes).then_some(at);
        }
        if length != 2 * Self::KEPT + Self::gap(self.bytes).len() as u64 {
            return None;
        }
        if at < Self::KEPT {
            return Some(at);
        }
        (at + Self::KEPT >= length).then(|| at + self.bytes - length)
    }
}

/// A record of Python's `logging`, and the part of standard error that it wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRecord {
    /// Its level, as Python numbers it: 10 is DEBUG, 20 is INFO.
    pub level: i64,
    /// The byte of the call's standard error where it begins.
    pub start: u64,
    /// The byte after its last one.
    pub end: u64,
    /// The text that the logging call was given, before its arguments were put in; bounded. Empty if it was no text.
    pub template: String,
    /// The logging call. If it is not in the plugin's own code, the call in the plugin's code that led to it.
    pub frame: Frame,
}

impl LogRecord {
    /// The level of `logging.INFO`, from which on the SDK logs by default.
    pub const INFO: i64 = 20;
    /// The most records of a call.
    pub const LIMIT: usize = 256;

    /// The level's name, `INFO`, or its number.
    pub fn level_name(&self) -> String {
        match self.level {
            10 => "DEBUG".into(),
            20 => "INFO".into(),
            30 => "WARNING".into(),
            40 => "ERROR".into(),
            50 => "CRITICAL".into(),
            number => number.to_string(),
        }
    }
}

/// A file in the session's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScratchFile {
    /// Its path inside the folder.
    pub path: String,
    /// The beginning of its content.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(start: u64, end: u64) -> LogRecord {
        LogRecord { level: 20, start, end, ..LogRecord::default() }
    }

    #[test]
    fn the_record_that_wrote_a_text_is_found_and_the_place_after_it() {
        // A handler of the first record logs one itself.
        let records = vec![record(2, 5), record(0, 8), record(10, 12)];
        let output = CapturedOutput { text: "aabbbaaa--cc".into(), bytes: 12, records };
        let starts = |at| output.record_at(at).map(|record| record.start);
        assert_eq!([starts(0), starts(3), starts(8), starts(10)], [Some(0), Some(2), None, Some(10)]);
        assert_eq!([0, 3, 8, 10].map(|at| output.after_place(at)), [8, 5, 10, 12]);
    }

    #[test]
    fn in_a_long_output_the_place_is_known_before_and_after_the_gap() {
        let (half, bytes) = (CapturedOutput::KEPT, 100_000_u64);
        let part = "x".repeat(half as usize);
        let text = format!("{part}{}{part}", CapturedOutput::gap(bytes));
        let last = text.len() - 1;
        let output = CapturedOutput { text, bytes, records: vec![record(0, 10), record(bytes - 5, bytes)] };
        assert_eq!(output.record_at(9).map(|record| record.start), Some(0));
        assert_eq!(output.record_at(last).map(|record| record.end), Some(bytes));
        assert_eq!(output.record_at(half as usize + 3), None);
        assert_eq!(output.after_place(20), last - 4);
    }

    #[test]
    fn where_replaced_bytes_moved_the_text_no_record_is_named() {
        let output = CapturedOutput { text: "\u{fffd}abc".into(), bytes: 4, records: vec![record(0, 4)] };
        assert_eq!((output.record_at(3), output.after_place(0)), (None, output.text.len()));
    }
}
