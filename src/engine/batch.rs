//! [`Batch`]: the sessions that one thread runs together, as triage sees them. `test`, `fuzz` and `load` each have
//! their own kind of batch; what is decided about its findings does not depend on the kind.

use std::{ops::Range, time::Duration};

use crate::{case::Session, runtime::RuntimeError, trace::Trace};

/// How many nominal sessions come first in a run.
pub(super) const NOMINAL_SESSIONS: u64 = 32;
/// How many sessions a thread takes at once.
pub(super) const BATCH_SESSIONS: u64 = 64;
/// How many sessions of each kind run twice in fresh processes even if they show nothing. Each costs a fork for every
/// call.
pub(super) const SAMPLE_SESSIONS: u64 = 8;
/// How many sessions of a batch run before their duration is checked.
const FIRST_SLICE_SESSIONS: u64 = 4;
/// If a slice takes longer than this, the next sessions run one by one, so that Ctrl-C ends the run soon.
const SLOW_SLICE: Duration = Duration::from_secs(1);

/// The sessions of one batch.
pub(super) trait Batch {
    /// The numbers of its sessions.
    fn numbers(&self) -> Range<u64>;

    /// The session with that number. A batch has all of its sessions; it may also have the one after the last.
    fn session(&self, number: u64) -> Option<Session>;

    /// Whether all sessions of the batch are nominal.
    fn are_nominal(&self) -> bool;

    /// Whether that session runs twice in fresh processes even if it shows nothing.
    fn is_sample(&self, number: u64) -> bool;
}

/// Runs sessions in slices: first a few, then all others at once or, if the first were slow, one by one. Between two
/// slices it asks `is_over`. `run` returns how many sessions of the slice it ran, from the first on, and how long they
/// took.
pub(super) fn in_slices(
    numbers: Range<u64>,
    is_over: &dyn Fn() -> bool,
    mut run: impl FnMut(Range<u64>) -> Result<(u64, Duration), RuntimeError>,
) -> Result<(), RuntimeError> {
    let mut next = numbers.start;
    let mut at_once = FIRST_SLICE_SESSIONS;
    while next < numbers.end && !is_over() {
        let end = next.saturating_add(at_once).min(numbers.end);
        let (ran, elapsed) = run(next..end)?;
        at_once = if elapsed > SLOW_SLICE { 1 } else { u64::MAX };
        // An executor that ran none would do so for ever.
        next += ran.max(1);
    }
    Ok(())
}

/// How long the calls of a session took.
pub(super) fn elapsed(trace: &Trace) -> Duration {
    trace.calls.iter().map(|call| call.elapsed).sum()
}
