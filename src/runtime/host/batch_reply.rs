//! What a runner wrote about a batch, checked against the sessions that it got: a reply about other calls than those is
//! an error.
//!
//! Safe on any bytes. Whatever our worker never writes is an error too, for instance more frames or changes than it
//! reports. So bytes that a plugin wrote cost the host no more memory than a reply of ours.

use crate::{
    case::{Session, Value},
    runtime::protocol::wire::{Reader, WireError, record},
    trace::{CallTrace, Observation, Trace},
};

/// The most changes of one session: far more than the worker looks for.
const CHANGES_LIMIT: usize = 1024;

/// A reply to a batch.
#[derive(Debug, Default)]
pub(crate) struct BatchReply {
    /// The sessions that are complete.
    pub(crate) complete: Vec<Observation>,
    /// The calls of the one that is not.
    pub(crate) partial: Observation,
    /// Whether all of it could be read.
    pub(crate) is_whole: bool,
}

impl BatchReply {
    /// Reads what `bytes` say about `sessions`, or about any sessions, as far as possible; `memory_bytes` is the limit
    /// under which the calls ran.
    pub(crate) fn read(bytes: &[u8], sessions: Option<&[Session]>, memory_bytes: u64) -> Self {
        let mut reply = Self::default();
        reply.is_whole = reply.take_in(&mut Reader::of_reply(bytes), sessions, memory_bytes).is_ok();
        reply.partial.trace.cookie = Value::empty_dict();
        reply.partial.trace.session_cookie = Value::empty_dict();
        reply
    }

    fn take_in(
        &mut self,
        reader: &mut Reader<'_>,
        sessions: Option<&[Session]>,
        memory_bytes: u64,
    ) -> Result<(), WireError> {
        while !reader.is_at_end() {
            let at = self.complete.len();
            let session = sessions.map(|sessions| sessions.get(at).ok_or(reader.error())).transpose()?;
            let partial = &mut self.partial;
            match reader.byte()? {
                record::CALL => {
                    let call = reader.call_trace(memory_bytes)?;
                    partial.trace.calls.push(call);
                    if session.is_some_and(|session| !is_of(&partial.trace, session)) {
                        partial.trace.calls.pop();
                        return Err(reader.error());
                    }
                }
                record::EDGES => partial.edges = reader.edges()?,
                record::COMPARISONS => partial.comparisons = reader.comparisons()?,
                record::CALL_USAGE if partial.usage.len() < partial.trace.calls.len() => {
                    partial.usage.push(reader.call_usage()?);
                }
                record::PROCESS_USAGE => partial.process_usage = Some(reader.process_usage()?),
                record::SESSION => {
                    let trace = &mut partial.trace;
                    for _ in 0..reader.count_within(CHANGES_LIMIT)? {
                        trace.changes.push(reader.text()?.to_owned());
                    }
                    trace.cookie = reader.value()?;
                    trace.session_cookie = reader.value()?;
                    self.complete.push(std::mem::take(partial));
                }
                _ => return Err(reader.error()),
            }
        }
        Ok(())
    }
}

/// Whether the trace's last call comes after those before it, and is one of the session.
fn is_of(trace: &Trace, session: &Session) -> bool {
    let Some((last, before)) = trace.calls.split_last() else { return true };
    let Some(call) = session.calls.get(last.call) else { return false };
    let place = |call: &CallTrace| (call.call, call.round);
    call.hook == last.hook
        && last.round <= call.answers.len()
        && before.last().is_none_or(|before| place(before) < place(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Call,
        contract::Hook,
        runtime::protocol::wire::{Writer, ending, tag},
    };

    fn call(writer: &mut Writer, call: u64, round: u64, hook: Hook) {
        writer.byte(record::CALL);
        writer.number(call);
        writer.number(round);
        writer.byte(hook as u8);
        writer.byte(0);
        writer.number(1000);
        writer.byte(ending::RETURNED);
        writer.byte(tag::NONE);
        // Two outputs, each with its length, its text and its records, then files, attempts, leftovers and types.
        writer.bytes.extend([0; 10]);
    }

    fn session_end(writer: &mut Writer) {
        writer.byte(record::SESSION);
        writer.bytes.extend([0, tag::DICT, 0, tag::DICT, 0]);
    }

    fn sessions() -> [Session; 1] {
        let mut asked = Call::new(Hook::Authenticate, Vec::new());
        asked.answers = vec!["1".into()];
        [Session::new(vec![asked, Call::new(Hook::SessionEnded, Vec::new())])]
    }

    fn read(calls: &[(u64, u64, Hook)], ends: usize) -> (usize, usize, bool) {
        let mut writer = Writer::default();
        calls.iter().for_each(|&(at, round, hook)| call(&mut writer, at, round, hook));
        (0..ends).for_each(|_| session_end(&mut writer));
        let reply = BatchReply::read(&writer.bytes, Some(&sessions()), 0);
        (reply.complete.len(), reply.partial.trace.calls.len(), reply.is_whole)
    }

    #[test]
    fn a_reply_is_read_as_far_as_it_is_about_the_sessions() {
        use Hook::{Authenticate, Authorize, SessionEnded};
        let good = [(0, 0, Authenticate), (0, 1, Authenticate), (1, 0, SessionEnded)];
        assert_eq!(read(&good, 1), (1, 0, true));
        assert_eq!(read(&good, 0), (0, 3, true));
        // One session too many, another hook, an unknown call, a round without an answer, the same call twice.
        assert_eq!(read(&good, 2), (1, 0, false));
        assert_eq!(read(&[(0, 0, Authorize)], 1), (0, 0, false));
        assert_eq!(read(&[(7, 0, SessionEnded)], 1), (0, 0, false));
        assert_eq!(read(&[(0, 2, Authenticate)], 1), (0, 0, false));
        assert_eq!(read(&[(0, 0, Authenticate), (0, 0, Authenticate)], 1), (0, 1, false));
        assert!(!BatchReply::read(b"\xff garbage", Some(&sessions()), 0).is_whole);
    }

    #[test]
    fn more_changes_than_a_worker_reports_are_an_error() {
        let is_read = |changes: usize| {
            let mut writer = Writer::default();
            writer.byte(record::SESSION);
            writer.number(changes as u64);
            (0..changes).for_each(|_| writer.blob(b"main.CACHE"));
            writer.bytes.extend([tag::DICT, 0, tag::DICT, 0]);
            BatchReply::read(&writer.bytes, None, 0).is_whole
        };
        assert!(is_read(CHANGES_LIMIT) && !is_read(CHANGES_LIMIT + 1));
    }
}
