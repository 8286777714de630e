//! Compares two runs of one session: two in fresh processes (`nondeterministic`), or one in fresh processes and one in
//! a process that ran other sessions before (`state-leak`).
//!
//! A difference counts only if it comes again each time. A session that differs between fresh processes proves nothing
//! about state. Sessions that reached a time limit are not compared, because their traces depend on the machine.

use crate::{
    case::Session,
    engine::{
        Stop,
        attempt_runner::AttemptRunner,
        reproducer::{Reproduced, Reproducer, timed_out},
        shrink::{Budget, shrink},
    },
    finding::Finding,
    runtime::RuntimeError,
    trace::Trace,
};

/// How often a difference must come again after it was first seen.
const REPEATS: usize = 2;
/// How many lists of earlier sessions are tried to find a short one.
const REDUCE_TRIES: u32 = 60;

/// What a comparison showed.
#[derive(Clone, Debug)]
pub(super) enum Difference {
    /// None that comes again.
    None,
    /// State was carried over.
    StateLeak(Reproduced),
    /// Two fresh processes differ.
    Nondeterministic(Reproduced),
}

impl Reproducer<'_> {
    pub(super) fn differ(&self, one: &Trace, other: &Trace) -> bool {
        !timed_out(one) && !timed_out(other) && self.plan.judge.differ(one, other)
    }
}

/// Runs `session` in two fresh processes. A difference is a finding.
pub(super) fn compare_fresh(
    reproducer: &mut Reproducer<'_>,
    session: &Session,
) -> Result<Option<Reproduced>, RuntimeError> {
    let one = reproducer.isolated(session)?;
    if timed_out(&one) {
        return Ok(None);
    }
    let other = reproducer.isolated(session)?;
    Ok(nondeterminism(reproducer, session, &one, other))
}

/// Makes both comparisons: in a second fresh process, and in a process that all calls of the session share.
pub(super) fn compare_both(reproducer: &mut Reproducer<'_>, session: &Session) -> Result<Difference, RuntimeError> {
    if let Some(reproduced) = compare_fresh(reproducer, session)? {
        return Ok(Difference::Nondeterministic(reproduced));
    }
    compare_after(reproducer, &[], session, &[])
}

fn nondeterminism(reproducer: &Reproducer<'_>, session: &Session, one: &Trace, other: Trace) -> Option<Reproduced> {
    if !reproducer.differ(one, &other) {
        return None;
    }
    let finding = reproducer.plan.judge.nondeterministic(&reproducer.subject, session, one, &other)?;
    let finding = reproducer.plan.levels.apply(finding)?;
    Some(Reproduced { session: session.clone(), finding, trace: other })
}

/// Compares `session` in fresh processes with `session` in a process that ran `earlier` before. `changes` are the names
/// that are known to have changed.
pub(super) fn compare_after(
    reproducer: &mut Reproducer<'_>,
    earlier: &[Session],
    session: &Session,
    changes: &[String],
) -> Result<Difference, RuntimeError> {
    let fresh = reproducer.isolated(session)?;
    if timed_out(&fresh) {
        return Ok(Difference::None);
    }
    let after = reproducer.after(earlier, session)?;
    if !reproducer.differ(&fresh, &after) {
        return Ok(Difference::None);
    }
    for _ in 0..REPEATS {
        let fresh_again = reproducer.isolated(session)?;
        let is_random = reproducer.differ(&fresh, &fresh_again);
        if let Some(reproduced) = nondeterminism(reproducer, session, &fresh, fresh_again) {
            return Ok(Difference::Nondeterministic(reproduced));
        }
        // A time stamp in a cookie is legal, and explains the difference.
        if is_random {
            return Ok(Difference::None);
        }
        let after_again = reproducer.after(earlier, session)?;
        if !reproducer.differ(&fresh, &after_again) || reproducer.differ(&after, &after_again) {
            return Ok(Difference::None);
        }
    }
    let changes = if changes.is_empty() { &after.changes } else { changes };
    let finding = reproducer.plan.judge.state_leak(&reproducer.subject, session, &fresh, &after, changes);
    Ok(match finding.and_then(|finding| reproducer.plan.levels.apply(finding)) {
        Some(finding) => Difference::StateLeak(Reproduced { session: session.clone(), finding, trace: after }),
        None => Difference::None,
    })
}

/// The finding of [`compare_after`], if it is `wanted`.
pub(super) fn reproduce_leak(
    reproducer: &mut Reproducer<'_>,
    earlier: &[Session],
    session: &Session,
    wanted: &Finding,
) -> Result<Option<Reproduced>, RuntimeError> {
    Ok(match compare_after(reproducer, earlier, session, &[])? {
        Difference::StateLeak(reproduced) if reproduced.finding.fingerprint == wanted.fingerprint => Some(reproduced),
        _ => None,
    })
}

/// Shrinks the case of a state leak: first the number of earlier sessions, then the session that shows the leak, then
/// the last session before it. Returns the earlier sessions, the finding, and the number of tries.
pub(super) fn shrink_leak(
    runner: &mut AttemptRunner<'_, '_>,
    mut earlier: Vec<Session>,
    first: Reproduced,
    stop: &Stop,
) -> Result<(Vec<Session>, Reproduced, u32), RuntimeError> {
    let wanted = first.finding.clone();
    let mut tries = 0;
    let mut best = first;
    let mut chunk = earlier.len();
    while chunk > 0 {
        let mut at = 0;
        while at < earlier.len() && tries < REDUCE_TRIES && !stop.requested() {
            let mut fewer = earlier.clone();
            fewer.drain(at..(at + chunk).min(earlier.len()));
            tries += 1;
            match runner.with(|reproducer| reproduce_leak(reproducer, &fewer, &best.session, &wanted))? {
                Some(reproduced) => (earlier, best) = (fewer, reproduced),
                None => at += chunk,
            }
        }
        chunk /= 2;
    }
    let (mut best, more) = shrink(runner, best, Budget::COMPARED, stop, &|reproducer, session| {
        reproduce_leak(reproducer, &earlier, session, &wanted)
    })?;
    tries += more;
    if let Some(last) = earlier.pop() {
        let session = best.session.clone();
        let first = Reproduced { session: last, ..best.clone() };
        let (last, more) = shrink(runner, first, Budget::COMPARED, stop, &|reproducer, candidate| {
            let before: Vec<Session> = earlier.iter().chain([candidate]).cloned().collect();
            let reproduced = reproduce_leak(reproducer, &before, &session, &wanted)?;
            Ok(reproduced.map(|reproduced| Reproduced { session: candidate.clone(), ..reproduced }))
        })?;
        tries += more;
        best = Reproduced { session, ..last.clone() };
        earlier.push(last.session);
    }
    Ok((earlier, best, tries))
}

/// Shrinks a session that differs between fresh processes. Returns also the number of tries.
pub(super) fn shrink_nondeterminism(
    runner: &mut AttemptRunner<'_, '_>,
    first: Reproduced,
    stop: &Stop,
) -> Result<(Reproduced, u32), RuntimeError> {
    let wanted = first.finding.fingerprint.clone();
    shrink(runner, first, Budget::COMPARED, stop, &|reproducer, session| {
        Ok(compare_fresh(reproducer, session)?.filter(|reproduced| reproduced.finding.fingerprint == wanted))
    })
}
