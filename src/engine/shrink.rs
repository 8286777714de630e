//! Makes the session of a finding smaller as long as it still shows it. Deterministic: its limits count tries and calls,
//! never seconds.

use crate::{
    case::{Session, Value},
    engine::{
        Plan, Stop,
        reproducer::{Reproduced, Reproducer, rank},
    },
    finding::{Finding, Rule},
    runtime::RuntimeError,
};

/// How much may be spent on one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// How many smaller sessions are tried.
    pub(super) tries: u32,
    /// How many calls they may have together.
    pub(super) calls: u64,
    /// How many of them may show it: each costs the time limit where it is a timeout.
    pub(super) hits: u32,
}

impl Budget {
    /// In fresh processes, where a call costs a fork.
    pub(super) const ISOLATED: Self = Self { tries: 200, calls: 1000, hits: 200 };
    /// For comparing two or more runs of each try.
    pub(super) const COMPARED: Self = Self { tries: 60, calls: 300, hits: 60 };

    /// In one process. What ends it, or waits, is dearer.
    pub(super) fn for_rule(rule: Rule) -> Self {
        match rule {
            Rule::Timeout => Self { tries: 24, calls: 100, hits: 8 },
            Rule::InterpreterCrash | Rule::ProcessExit | Rule::MemoryLimit => Self::ISOLATED,
            _ => Self { tries: 1500, calls: 8000, hits: 1500 },
        }
    }
}

/// The smallest session found for which `shows` still gives a finding that is no worse an example than the first, and
/// how many were tried.
pub(super) fn shrink(
    plan: &Plan<'_>,
    first: Reproduced,
    mut budget: Budget,
    stop: &Stop,
    shows: &mut dyn FnMut(&Session) -> Result<Option<Reproduced>, RuntimeError>,
) -> Result<(Reproduced, u32), RuntimeError> {
    let before = budget.tries;
    let mut best = first;
    let mut attempt = |session: &Session, best: &mut Reproduced| -> Result<Option<bool>, RuntimeError> {
        let calls = session.calls.len() as u64;
        if budget.tries == 0 || budget.calls < calls || budget.hits == 0 || stop.requested() {
            return Ok(None);
        }
        budget.tries -= 1;
        budget.calls -= calls;
        let seen = shows(session)?;
        budget.hits -= u32::from(seen.is_some());
        let better = seen.filter(|seen| rank(&seen.finding) <= rank(&best.finding));
        Ok(Some(better.map(|seen| *best = seen).is_some()))
    };

    // Nothing makes a case more believable than doing without a cookie that the plugin never gave.
    let plain = Session { cookie: Value::empty_dict(), ..best.session.clone() };
    if best.session.has_foreign_cookie() {
        attempt(&plain, &mut best)?;
    }
    let mut shrinker = plan.source.shrinker(&best.session);
    while let Some(candidate) = shrinker.next_candidate() {
        match attempt(&candidate, &mut best)? {
            None => break,
            Some(true) => shrinker.accept(candidate),
            Some(false) => {}
        }
    }
    Ok((best, before - budget.tries))
}

/// Shrinks what was confirmed: fast in one process, then the outcome is confirmed in fresh ones. Where that fails,
/// slowly in fresh processes; and what cannot be shrunk is given back as it was.
pub(super) fn shrink_confirmed(
    reproducer: &mut Reproducer<'_>,
    confirmed: Reproduced,
    stop: &Stop,
) -> Result<(Reproduced, u32), RuntimeError> {
    let wanted: Finding = confirmed.finding.clone();
    let plan = reproducer.plan;
    let budget = Budget::for_rule(wanted.rule);
    let (fast, mut tries) = shrink(plan, confirmed.clone(), budget, stop, &mut |session| {
        let trace = reproducer.persistent(std::slice::from_ref(session))?.into_iter().next().unwrap_or_default();
        Ok(reproducer.shown(session, trace, &wanted.fingerprint))
    })?;
    if fast.session == confirmed.session {
        return Ok((confirmed, tries));
    }
    if !(stop.requested() && wanted.rule == Rule::Timeout)
        && let Some(seen) = reproducer.reproduce(&fast.session, &wanted)?
        && rank(&seen.finding) <= rank(&wanted)
    {
        return Ok((seen, tries));
    }
    if wanted.rule == Rule::Timeout {
        return Ok((confirmed, tries));
    }
    let (slow, more) =
        shrink(plan, confirmed, Budget::ISOLATED, stop, &mut |session| reproducer.reproduce(session, &wanted))?;
    tries += more;
    Ok((slow, tries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::Hook,
        engine::{
            Setup,
            exclusive_run::ExclusiveRun,
            fake::{self, FakePlugin, How, give, raise, raised},
        },
        trace::Ending,
    };

    /// Confirms the finding of a session with this port, shrinks it, and gives back its calls' hooks.
    fn shrunk(plugin: &FakePlugin, session: Session) -> Reproduced {
        plugin.with_plan(|plan| {
            let exclusive = ExclusiveRun::default();
            let mut reproducer = Reproducer::start(plan, &Setup::default(), &exclusive).unwrap();
            let trace = reproducer.isolated(&session).unwrap();
            let finding = reproducer.judge(&session, &trace).remove(0);
            let confirmed = reproducer.reproduce(&session, &finding).unwrap().unwrap();
            shrink_confirmed(&mut reproducer, confirmed, &Stop::default()).unwrap().0
        })
    }

    #[test]
    fn what_only_shows_in_one_process_is_shrunk_again_in_fresh_ones() {
        // In one process the last call always fails; in fresh ones it wants its session's id.
        let plugin = FakePlugin::new(|call, _, how| {
            let has_id = call.argument(crate::contract::Argument::SessionId).is_some();
            let fails = call.hook == Hook::SessionEnded && (how == How::Persistent || has_id);
            if fails { raise("E") } else { give(1) }
        });
        let seen = shrunk(&plugin, fake::session(3));
        assert_eq!(seen.finding.fingerprint, raised(Hook::SessionEnded, "E"));
        let [call] = &seen.session.calls[..] else { panic!("{:?}", seen.session) };
        assert_eq!(call.arguments.len(), 1);
    }

    #[test]
    fn a_foreign_cookie_is_dropped_where_it_does_not_matter() {
        let mut session = fake::session(3);
        session.cookie = Value::Dict(vec![("k".into(), Value::Null)]);
        let seen = shrunk(&FakePlugin::new(|_, _, _| raise("E")), session);
        assert!(!seen.session.has_foreign_cookie() && !seen.finding.foreign_cookie);
        assert_eq!(seen.session.calls.len(), 1);
    }

    #[test]
    fn a_timeout_is_shrunk_with_few_tries() {
        let plugin = FakePlugin::new(|_, _, _| Ending::TimedOut { limit: Default::default(), frames: Vec::new() });
        let mut session = fake::session(3);
        session.calls = vec![session.calls; 12].concat();
        let all = session.calls.len();
        let seen = shrunk(&plugin, session);
        assert!(seen.session.calls.len() < all);
        assert!(plugin.log.lock().unwrap().len() < 15);
    }
}
