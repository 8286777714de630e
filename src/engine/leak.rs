//! Compares a session with itself: in fresh processes twice (`nondeterministic`), and in fresh processes against one
//! process that ran others before (`state-leak`).
//!
//! A difference counts only when it comes again each time, and a session that differs from itself in fresh processes can
//! prove nothing about state. Sessions that ran out of time are compared with nothing, since the machine has a part in it.

use crate::{
    case::Session,
    engine::{
        Stop,
        bench::{Bench, Seen, timed_out},
        shrink::{Budget, shrink},
    },
    finding::Finding,
    runtime::RuntimeError,
    trace::Trace,
};

/// How often a difference must come again after it was first seen.
const REPEATS: usize = 2;
/// How many sets of earlier sessions are tried to find a small one.
const REDUCE_TRIES: u32 = 60;

/// What comparing showed.
#[derive(Clone, Debug)]
pub(super) enum Compared {
    /// Nothing that comes again.
    Same,
    /// State was carried over.
    Leak(Seen),
    /// Two fresh processes disagree.
    Unsteady(Seen),
}

impl Bench<'_> {
    fn differ(&self, one: &Trace, other: &Trace) -> bool {
        !timed_out(one) && !timed_out(other) && self.plan.judge.differ(one, other)
    }
}

/// Runs `session` in two fresh processes; what differs is a finding.
pub(super) fn steady(bench: &mut Bench<'_>, session: &Session) -> Result<Option<Seen>, RuntimeError> {
    let one = bench.isolated(session)?;
    if timed_out(&one) {
        return Ok(None);
    }
    let other = bench.isolated(session)?;
    Ok(unsteady(bench, session, &one, other))
}

/// Compares a session with itself in a second fresh process, and with itself when its calls share one. Cheap where both
/// agree, as they nearly always do.
pub(super) fn compare_both(bench: &mut Bench<'_>, session: &Session) -> Result<Compared, RuntimeError> {
    if let Some(seen) = steady(bench, session)? {
        return Ok(Compared::Unsteady(seen));
    }
    compare(bench, &[], session, &[])
}

fn unsteady(bench: &Bench<'_>, session: &Session, one: &Trace, other: Trace) -> Option<Seen> {
    if !bench.differ(one, &other) {
        return None;
    }
    let finding = bench.plan.judge.nondeterministic(&bench.subject, session, one, &other)?;
    let finding = bench.plan.levels.apply(finding)?;
    Some(Seen { session: session.clone(), finding, trace: other })
}

/// Compares `session` in fresh processes with `session` after `earlier`. `changes` is what is known to have changed.
pub(super) fn compare(
    bench: &mut Bench<'_>,
    earlier: &[Session],
    session: &Session,
    changes: &[String],
) -> Result<Compared, RuntimeError> {
    let fresh = bench.isolated(session)?;
    if timed_out(&fresh) {
        return Ok(Compared::Same);
    }
    let after = bench.after(earlier, session)?;
    if !bench.differ(&fresh, &after) {
        return Ok(Compared::Same);
    }
    for _ in 0..REPEATS {
        let again = bench.isolated(session)?;
        if let Some(seen) = unsteady(bench, session, &fresh, again) {
            return Ok(Compared::Unsteady(seen));
        }
        let after_again = bench.after(earlier, session)?;
        if !bench.differ(&fresh, &after_again) || bench.differ(&after, &after_again) {
            return Ok(Compared::Same);
        }
    }
    let changes = if changes.is_empty() { &after.changes } else { changes };
    let finding = bench.plan.judge.state_leak(&bench.subject, session, &fresh, &after, changes);
    let finding = finding.and_then(|finding| bench.plan.levels.apply(finding));
    Ok(finding
        .map_or(Compared::Same, |finding| Compared::Leak(Seen { session: session.clone(), finding, trace: after })))
}

/// The finding of [`compare`], if it is this one.
pub(super) fn leak_again(
    bench: &mut Bench<'_>,
    earlier: &[Session],
    session: &Session,
    wanted: &Finding,
) -> Result<Option<Seen>, RuntimeError> {
    Ok(match compare(bench, earlier, session, &[])? {
        Compared::Leak(seen) if seen.finding.fingerprint == wanted.fingerprint => Some(seen),
        _ => None,
    })
}

/// Makes a leak's case small: fewer sessions before, then fewer and simpler calls in the session that shows it, then in
/// the last one before it.
pub(super) fn shrink_leak(
    bench: &mut Bench<'_>,
    mut earlier: Vec<Session>,
    seen: Seen,
    stop: &Stop,
) -> Result<(Vec<Session>, Seen, u32), RuntimeError> {
    let wanted = seen.finding.clone();
    let mut tries = 0;
    let mut best = seen;
    let mut chunk = earlier.len();
    while chunk > 0 {
        let mut at = 0;
        while at < earlier.len() && tries < REDUCE_TRIES && !stop.requested() {
            let mut fewer = earlier.clone();
            fewer.drain(at..(at + chunk).min(earlier.len()));
            tries += 1;
            match leak_again(bench, &fewer, &best.session, &wanted)? {
                Some(seen) => (earlier, best) = (fewer, seen),
                None => at += chunk,
            }
        }
        chunk /= 2;
    }
    let plan = bench.plan;
    let (mut best, more) =
        shrink(plan, best, Budget::COMPARED, stop, &mut |session| leak_again(bench, &earlier, session, &wanted))?;
    tries += more;
    if let Some(last) = earlier.pop() {
        let session = best.session.clone();
        let first = Seen { session: last, ..best.clone() };
        let (last, more) = shrink(plan, first, Budget::COMPARED, stop, &mut |candidate| {
            let before: Vec<Session> = earlier.iter().chain([candidate]).cloned().collect();
            let seen = leak_again(bench, &before, &session, &wanted)?;
            Ok(seen.map(|seen| Seen { session: candidate.clone(), ..seen }))
        })?;
        tries += more;
        best = Seen { session, ..last.clone() };
        earlier.push(last.session);
    }
    Ok((earlier, best, tries))
}

/// Makes a session that differs from itself small.
pub(super) fn shrink_unsteady(bench: &mut Bench<'_>, seen: Seen, stop: &Stop) -> Result<(Seen, u32), RuntimeError> {
    let wanted = seen.finding.fingerprint.clone();
    let plan = bench.plan;
    shrink(plan, seen, Budget::COMPARED, stop, &mut |session| {
        Ok(steady(bench, session)?.filter(|seen| seen.finding.fingerprint == wanted))
    })
}
