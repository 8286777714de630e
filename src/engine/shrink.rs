//! Shrinks the session of a finding as long as it still shows the finding. Deterministic: its limits count attempts and
//! calls, never seconds, and the result is the same for any number of workers.

use crate::{
    case::{Session, Value},
    engine::{
        SessionShrinker, Stop,
        attempt_runner::{Attempt, AttemptRunner},
        failure::failure,
        reproducer::{Reproduced, rank},
    },
    finding::{Finding, Rule},
    runtime::RuntimeError,
};

/// How much work one finding may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// How many candidates are tried.
    pub(super) tries: u32,
    /// How many calls they may have together.
    pub(super) calls: u64,
    /// How many of them may show the finding: for a timeout, each of these costs the time limit.
    pub(super) hits: u32,
}

impl Budget {
    /// In fresh processes, where a call costs a fork.
    pub(super) const ISOLATED: Self = Self { tries: 200, calls: 1000, hits: 200 };
    /// If each attempt compares two or more runs.
    pub(super) const COMPARED: Self = Self { tries: 60, calls: 300, hits: 60 };

    /// In one process. An attempt that ends the process, or waits, costs more.
    pub(super) fn for_rule(rule: Rule) -> Self {
        match rule {
            Rule::Timeout => Self { tries: 24, calls: 100, hits: 8 },
            Rule::InterpreterCrash | Rule::ProcessExit | Rule::MemoryLimit => Self::ISOLATED,
            _ => Self { tries: 1500, calls: 8000, hits: 1500 },
        }
    }

    const fn allows(&self, candidate: &Session) -> bool {
        self.tries > 0 && self.hits > 0 && self.calls >= candidate.calls.len() as u64
    }

    const fn spend(&mut self, candidate: &Session) {
        self.tries -= 1;
        self.calls -= candidate.calls.len() as u64;
    }
}

/// Shrinks a finding: the smallest session for which `attempt` still shows it for the same reason, in an example of the
/// same rank or a better one, and the number of tries.
pub(super) fn shrink(
    runner: &mut AttemptRunner<'_, '_>,
    first: Reproduced,
    budget: Budget,
    stop: &Stop,
    attempt: &Attempt<'_>,
) -> Result<(Reproduced, u32), RuntimeError> {
    let (mut steps, tries) = shrink_in_steps(runner, first.clone(), budget, stop, attempt)?;
    Ok((steps.pop().unwrap_or(first), tries))
}

/// The same, with all sessions on the way that showed it: `first` first, the smallest last.
fn shrink_in_steps(
    runner: &mut AttemptRunner<'_, '_>,
    first: Reproduced,
    budget: Budget,
    stop: &Stop,
    attempt: &Attempt<'_>,
) -> Result<(Vec<Reproduced>, u32), RuntimeError> {
    // Attempts at a timeout keep the machine busy, which could cause timeouts itself.
    let width = if first.finding.rule == Rule::Timeout { 1 } else { runner.width() };
    let mut search =
        Search { runner, attempt, stop, failure: failure(&first), best: first, before: Vec::new(), budget };
    // A case is most convincing without a cookie that the plugin never returned.
    let plain = Session { cookie: Value::empty_dict(), ..search.best.session.clone() };
    if search.best.session.has_foreign_cookie() && search.budget.allows(&plain) && !stop.requested() {
        search.try_first_of(&[plain])?;
    }
    let mut shrinker = search.runner.plan().source.shrinker(&search.best.session);
    loop {
        let Round { candidates, mut forks, is_last } = search.round(&mut *shrinker, width);
        match search.try_first_of(&candidates)? {
            Some(accepted) => {
                // Go on from the state that the shrinker had when it proposed this candidate.
                if accepted < forks.len() {
                    shrinker = forks.swap_remove(accepted);
                }
                shrinker.accept(search.best.session.clone());
            }
            None if is_last => break,
            None => {}
        }
    }
    let tries = budget.tries - search.budget.tries;
    search.before.push(search.best);
    Ok((search.before, tries))
}

/// Candidates to try at once. Each of them is the next one if those before it do not show the finding, so the first
/// that shows it is the one that a search without parallelism would have found.
struct Round {
    candidates: Vec<Session>,
    /// For each candidate but the last, the shrinker after it proposed this candidate.
    forks: Vec<Box<dyn SessionShrinker>>,
    /// Whether there are no more candidates, or no budget for them.
    is_last: bool,
}

struct Search<'s, 'r, 'p> {
    runner: &'s mut AttemptRunner<'r, 'p>,
    attempt: &'s Attempt<'s>,
    stop: &'s Stop,
    /// Why the first session shows the finding.
    failure: String,
    best: Reproduced,
    /// The sessions that showed the finding before the best one.
    before: Vec<Reproduced>,
    budget: Budget,
}

impl Search<'_, '_, '_> {
    fn round(&self, shrinker: &mut dyn SessionShrinker, width: usize) -> Round {
        let mut round = Round { candidates: Vec::new(), forks: Vec::new(), is_last: false };
        let mut budget = self.budget;
        loop {
            let candidate = shrinker.next_candidate().filter(|candidate| budget.allows(candidate));
            let Some(candidate) = candidate.filter(|_| !self.stop.requested()) else {
                round.is_last = true;
                return round;
            };
            budget.spend(&candidate);
            round.candidates.push(candidate);
            if round.candidates.len() == width {
                return round;
            }
            round.forks.push(shrinker.fork());
        }
    }

    /// Runs the candidates. Returns the first that still shows the finding, which is then the best.
    ///
    /// An error counts when its candidate has its turn: a search with one worker would not run the later ones at all.
    fn try_first_of(&mut self, candidates: &[Session]) -> Result<Option<usize>, RuntimeError> {
        let results = self.runner.run(candidates, self.attempt);
        for (at, (candidate, result)) in candidates.iter().zip(results).enumerate() {
            if !self.budget.allows(candidate) {
                break;
            }
            self.budget.spend(candidate);
            let result = result?;
            self.budget.hits -= u32::from(result.is_some());
            let is_same =
                |found: &Reproduced| rank(&found.finding) <= rank(&self.best.finding) && failure(found) == self.failure;
            if let Some(reproduced) = result.filter(is_same) {
                self.before.push(std::mem::replace(&mut self.best, reproduced));
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

/// Shrinks a confirmed finding: fast in one process, then the result is reproduced in fresh ones. If it does not
/// reproduce, shrinks slowly in fresh processes. If nothing can be removed, the finding stays as it was.
pub(super) fn shrink_confirmed(
    runner: &mut AttemptRunner<'_, '_>,
    confirmed: Reproduced,
    stop: &Stop,
) -> Result<(Reproduced, u32), RuntimeError> {
    let wanted: Finding = confirmed.finding.clone();
    let budget = Budget::for_rule(wanted.rule);
    let run_fast = runner.fast_attempt();
    if wanted.rule != Rule::Timeout {
        runner.forget(&confirmed.session)?;
    }
    let (mut steps, mut tries) = shrink_in_steps(runner, confirmed.clone(), budget, stop, &|reproducer, session| {
        let trace = match wanted.rule {
            // A call at the known place is taken for the timeout. The result is run to its limit below.
            Rule::Timeout => reproducer.explore_one(session)?,
            _ => run_fast(reproducer, session)?,
        };
        Ok(reproducer.shown(session, trace, &wanted.fingerprint))
    })?;
    if wanted.rule == Rule::Timeout {
        return Ok((longest_hang(runner, confirmed, &steps, stop)?, tries));
    }
    let fast = steps.pop().unwrap_or_else(|| confirmed.clone());
    if fast.session == confirmed.session {
        return Ok((confirmed, tries));
    }
    if let Some(reproduced) = runner.with(|reproducer| reproducer.reproduce(&fast.session, &wanted))?
        && rank(&reproduced.finding) <= rank(&wanted)
        && failure(&reproduced) == failure(&confirmed)
    {
        return Ok((reproduced, tries));
    }
    let (slow, more) = shrink(runner, confirmed, Budget::ISOLATED, stop, &|reproducer, session| {
        reproducer.reproduce(session, &wanted)
    })?;
    tries += more;
    Ok((slow, tries))
}

/// The smallest of some `steps` that also exceeds the longer limit of a confirmation: a shorter text may take longer
/// than the limit, and not much longer. Tries the last step, then halves the way back, since each try costs that limit.
fn longest_hang(
    runner: &mut AttemptRunner<'_, '_>,
    confirmed: Reproduced,
    steps: &[Reproduced],
    stop: &Stop,
) -> Result<Reproduced, RuntimeError> {
    let mut at = steps.len().saturating_sub(1);
    while at > 0 && !stop.requested() {
        let again = runner.with(|reproducer| reproducer.reproduce(&steps[at].session, &confirmed.finding))?;
        if let Some(reproduced) = again.filter(|again| rank(&again.finding) <= rank(&confirmed.finding)) {
            return Ok(reproduced);
        }
        at /= 2;
    }
    Ok(confirmed)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use super::*;
    use crate::{
        case::Call,
        contract::Hook,
        engine::{
            Setup,
            fake::{self, FakePlugin, How, give, port, raise, raised},
            reproducer_pool::ReproducerPool,
        },
        trace::Ending,
    };

    /// Confirms the finding of a session and shrinks it with so many workers. Returns also the number of tries.
    fn shrunk_with(jobs: usize, plugin: &FakePlugin, session: Session) -> (Reproduced, u32) {
        plugin.with_plan(|plan| {
            let pool = ReproducerPool::new(plan, jobs).unwrap();
            let setup = Setup::default();
            let mut runner = AttemptRunner::Pool(&pool, &setup);
            let confirmed = runner.with(|reproducer| {
                let trace = reproducer.isolated(&session)?;
                let finding = reproducer.judge(&session, &trace).remove(0);
                reproducer.reproduce(&session, &finding)
            });
            shrink_confirmed(&mut runner, confirmed.unwrap().unwrap(), &Stop::default()).unwrap()
        })
    }

    fn shrunk(plugin: &FakePlugin, session: Session) -> Reproduced {
        shrunk_with(1, plugin, session).0
    }

    #[test]
    fn any_number_of_workers_finds_the_same_session_with_the_same_number_of_tries() {
        let session = long_session();
        let plugin = || {
            FakePlugin::new(
                |call, _, _| {
                    if call.hook == Hook::SessionEnded && port(call) == 7 { raise("E") } else { give(1) }
                },
            )
        };
        let (one, tries) = shrunk_with(1, &plugin(), session.clone());
        assert!(one.session.calls.len() == 1 && tries > 10, "{tries}");
        for jobs in [2, 5] {
            let (several, same_tries) = shrunk_with(jobs, &plugin(), session.clone());
            assert_eq!((several.session, same_tries), (one.session.clone(), tries), "{jobs} workers");
        }
    }

    /// A session of many calls, of which the plugin of the next tests needs one.
    fn long_session() -> Session {
        Session::new((0..12).flat_map(|number| fake::session(number).calls).collect())
    }

    fn is_needed(call: &Call) -> bool {
        call.hook == Hook::SessionEnded && port(call) == 7
    }

    #[test]
    fn state_that_nobody_notices_changes_nothing_for_any_number_of_workers() {
        let plugin = || {
            FakePlugin::new(|call, memory, _| {
                // Names with a dot count as unnoticed.
                let calls = memory.entry(".calls".into()).or_default();
                *calls += 1;
                if is_needed(call) && *calls < 40 { raise("E") } else { give(1) }
            })
        };
        let (one, tries) = shrunk_with(1, &plugin(), long_session());
        assert_eq!(one.session.calls.len(), 1);
        for jobs in [2, 5] {
            let (several, same_tries) = shrunk_with(jobs, &plugin(), long_session());
            assert_eq!((several.session, same_tries), (one.session.clone(), tries), "{jobs} workers");
        }
    }

    #[test]
    fn a_worker_that_breaks_matters_only_if_its_candidate_has_its_turn() {
        let tried = Arc::new(Mutex::new(Vec::<Session>::new()));
        let play = |call: &Call, _: &mut fake::Memory, _| if is_needed(call) { raise("E") } else { give(1) };
        let log = Arc::clone(&tried);
        let recording = FakePlugin::new(play).with_broken(move |session| {
            log.lock().unwrap().push(session.clone());
            false
        });
        let (one, tries) = shrunk_with(1, &recording, long_session());
        // A search with one worker needs these candidates and no others.
        let needed = tried.lock().unwrap().clone();
        let (is_needed, others) = (needed.clone(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&others);
        let breaking = FakePlugin::new(play).with_broken(move |session| {
            let breaks = !is_needed.contains(session);
            counter.fetch_add(usize::from(breaks), Ordering::Relaxed);
            breaks
        });
        let (several, same_tries) = shrunk_with(5, &breaking, long_session());
        assert_eq!((several.session, same_tries), (one.session, tries));
        assert!(others.load(Ordering::Relaxed) > 0, "some candidates ran that a single worker would not try");

        // And one that has its turn ends the search.
        let last = needed[needed.len() / 2].clone();
        let broken = FakePlugin::new(play).with_broken(move |session| *session == last);
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shrunk_with(5, &broken, long_session())));
        assert!(failed.is_err(), "the error is reported");
    }

    #[test]
    fn a_finding_that_shrinks_too_far_in_one_process_is_shrunk_again_in_fresh_ones() {
        // In one process the last call always fails; in fresh ones only if it has the session's id.
        let plugin = FakePlugin::new(|call, _, how| {
            let has_id = call.argument(crate::contract::Argument::SessionId).is_some();
            let fails = call.hook == Hook::SessionEnded && (how == How::Persistent || has_id);
            if fails { raise("E") } else { give(1) }
        });
        let small = shrunk(&plugin, fake::session(3));
        assert_eq!(small.finding.fingerprint, raised(Hook::SessionEnded, "E"));
        let [call] = &small.session.calls[..] else { panic!("{:?}", small.session) };
        assert_eq!(call.arguments.len(), 1);
    }

    #[test]
    fn a_foreign_cookie_that_does_not_matter_is_dropped() {
        let mut session = fake::session(3);
        session.cookie = Value::Dict(vec![("k".into(), Value::Null)]);
        let small = shrunk(&FakePlugin::new(|_, _, _| raise("E")), session);
        assert!(!small.session.has_foreign_cookie() && !small.finding.foreign_cookie);
        assert_eq!(small.session.calls.len(), 1);
    }

    fn hanging_session() -> Session {
        Session::new((0..4).flat_map(|number| fake::session(number).calls).collect())
    }

    /// Shrinks a timeout of a hook of which these runs with the longer limit exceed it, too; the first one confirms it.
    fn shrunk_hang(exceeds: &'static [bool]) -> (Reproduced, usize) {
        let runs = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&runs);
        let plugin = FakePlugin::new(move |call, _, how| match how {
            // One call of the session hangs.
            _ if call.hook != Hook::GetPasswordList || port(call) != 0 => give(1),
            How::LongerLimit(limit) => {
                let run = count.fetch_add(1, Ordering::Relaxed);
                let is_long = exceeds.get(run).copied().unwrap_or(false);
                if is_long { Ending::TimedOut { limit, frames: Vec::new() } } else { give(1) }
            }
            _ => Ending::TimedOut { limit: Duration::from_secs(2), frames: Vec::new() },
        });
        (shrunk(&plugin, hanging_session()), runs.load(Ordering::Relaxed))
    }

    #[test]
    fn the_case_of_a_timeout_also_exceeds_the_longer_limit() {
        let size = |small: &Reproduced| small.session.calls.len();
        let (last, _) = shrunk_hang(&[true, true]);
        let (half, _) = shrunk_hang(&[true, false, true]);
        let (none, runs) = shrunk_hang(&[true]);
        assert!(size(&last) < size(&half) && size(&half) < size(&none), "{} {}", size(&last), size(&half));
        assert_eq!(none.session, hanging_session(), "what was confirmed stays");
        assert!(runs < 6, "each run costs the longer limit: {runs}");
        for small in [last, half, none] {
            let ending = &small.trace.calls[small.finding.call.unwrap()].ending;
            let longer = matches!(ending, Ending::TimedOut { limit, .. } if *limit > Duration::from_secs(2));
            assert!(longer, "the trace is that of the longer limit: {ending:?}");
        }
    }

    #[test]
    fn a_timeout_is_shrunk_with_few_tries() {
        let plugin = FakePlugin::new(|_, _, _| Ending::TimedOut { limit: Default::default(), frames: Vec::new() });
        let mut session = fake::session(3);
        session.calls = vec![session.calls; 12].concat();
        let all = session.calls.len();
        let small = shrunk(&plugin, session);
        assert!(small.session.calls.len() < all);
        assert!(plugin.log.lock().unwrap().len() < 15);
    }
}
