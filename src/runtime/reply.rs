//! Reads what a worker left of a batch: the records of its reply, sessions that are whole and the calls of one that is not.
//!
//! Safe on any bytes. What a worker of ours never writes, more frames or files than it tells for instance, is an error, so
//! that bytes that a plugin wrote over cost the host no more memory than a reply of ours does.

use super::{
    Watched,
    wire::{Reader, WireError, record},
};
use crate::case::Value;

/// How many changes of one session are told at most: far more than the worker looks for.
const CHANGES_LIMIT: usize = 1024;

/// The sessions that are whole in `reply`, and what there is of one that is not. `memory_bytes` is the limit that calls ran
/// under.
///
/// # Errors
/// Where something else stands there than records.
pub fn read(reply: &[u8], memory_bytes: u64) -> Result<(Vec<Watched>, Watched), WireError> {
    let mut reader = Reader::new(reply);
    let mut complete = Vec::new();
    let mut watched = Watched::default();
    while !reader.is_at_end() {
        match reader.byte()? {
            record::CALL => watched.trace.calls.push(reader.call_trace(memory_bytes)?),
            record::EDGES => watched.edges = reader.edges()?,
            record::COMPARISONS => watched.comparisons = reader.comparisons()?,
            record::USAGE => watched.usage.push(reader.usage()?),
            record::HOLDING => watched.holding = Some(reader.holding()?),
            record::SESSION => {
                let trace = &mut watched.trace;
                for _ in 0..reader.count_within(CHANGES_LIMIT)? {
                    trace.changes.push(reader.text()?.to_owned());
                }
                trace.cookie = reader.value()?;
                trace.session_cookie = reader.value()?;
                complete.push(std::mem::take(&mut watched));
            }
            _ => return Err(reader.error()),
        }
    }
    watched.trace.cookie = Value::empty_dict();
    watched.trace.session_cookie = Value::empty_dict();
    Ok((complete, watched))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case::Value, runtime::wire::Writer};

    fn session(changes: u64) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.byte(record::SESSION);
        writer.number(changes);
        (0..changes).for_each(|_| writer.blob(b"main.CACHE"));
        writer.value(&Value::empty_dict());
        writer.value(&Value::empty_dict());
        writer.bytes
    }

    #[test]
    fn sessions_are_read_to_the_end_and_one_that_is_cut_is_an_error() {
        let two = [session(1), session(0)].concat();
        let (complete, partial) = read(&two, 0).unwrap();
        assert_eq!(complete.len(), 2);
        assert_eq!(complete[0].trace.changes, ["main.CACHE"]);
        assert!(partial.trace.calls.is_empty());
        assert!(read(&two[..two.len() - 1], 0).is_err());
        assert!(read(&[99], 0).is_err());
    }

    #[test]
    fn more_changes_than_are_ever_told_are_an_error() {
        assert!(read(&session(CHANGES_LIMIT as u64), 0).is_ok());
        assert!(read(&session(CHANGES_LIMIT as u64 + 1), 0).is_err());
    }
}
