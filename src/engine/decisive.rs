//! Finds the arguments that make the difference in a small case: with a nominal value instead, the case does not show
//! its finding. The reader of a report needs these, however plain they look, and no others.

use crate::{
    case::{Session, Value},
    contract::Argument,
    engine::{DecisiveArgument, Stop, reproducer::Reproducer},
    finding::{Finding, Rule},
    runtime::RuntimeError,
};

/// How many nominal values are tried for an argument. One of them may happen to show the finding too.
const VALUES: usize = 2;

/// How many sessions run at most. A case of usual size needs a fifth of them.
const RUNS_LIMIT: u32 = 100;

/// The arguments of `session` without which `wanted` does not show. `None` if that is not tried, since findings of a
/// comparison depend on more than one run, or if it was stopped.
pub(super) fn decisive(
    reproducer: &mut Reproducer<'_>,
    session: &Session,
    wanted: &Finding,
    stop: &Stop,
) -> Result<Option<Vec<DecisiveArgument>>, RuntimeError> {
    if matches!(wanted.rule, Rule::StateLeak | Rule::Nondeterministic) {
        return Ok(None);
    }
    let nominal: Vec<Session> = (0..4).map(|index| reproducer.plan.source.nominal(index)).collect();
    let mut search = Search { reproducer, session, wanted, runs: 0 };
    // A hang that only fresh processes show would make every argument look decisive.
    if wanted.rule == Rule::Timeout && !search.shows(session)? {
        return Ok(None);
    }
    let mut found = Vec::new();
    for argument in arguments(session) {
        if stop.requested() {
            return Ok(None);
        }
        let places: Vec<usize> = places(session, argument).collect();
        let values = nominal_values(&nominal, argument);
        if !search.is_lost(argument, &places, &values)? {
            continue;
        }
        let of_call = |call| DecisiveArgument { call, argument };
        if places.len() == 1 {
            found.extend(places.into_iter().map(of_call));
            continue;
        }
        let mut alone = Vec::new();
        for &call in &places {
            if search.is_lost(argument, &[call], &values)? {
                alone.push(call);
            }
        }
        // If no call needs it alone, any of them is enough.
        let calls = if alone.is_empty() { &places[places.len() - 1..] } else { &alone[..] };
        found.extend(calls.iter().copied().map(of_call));
    }
    Ok(Some(found))
}

struct Search<'s, 'p> {
    reproducer: &'s mut Reproducer<'p>,
    session: &'s Session,
    wanted: &'s Finding,
    runs: u32,
}

impl Search<'_, '_> {
    /// Whether the finding is lost with one of `values` in these calls.
    fn is_lost(&mut self, argument: Argument, calls: &[usize], values: &[Value]) -> Result<bool, RuntimeError> {
        let is_new = |value: &&Value| {
            calls.iter().any(|&call| self.session.calls[call].argument(argument).is_some_and(|old| old != *value))
        };
        for value in values.iter().filter(is_new).take(VALUES) {
            self.runs += 1;
            if self.runs > RUNS_LIMIT {
                return Ok(false);
            }
            let mut other = self.session.clone();
            for &call in calls {
                for (known, old) in &mut other.calls[call].arguments {
                    if *known == argument {
                        old.clone_from(value);
                    }
                }
            }
            if !self.shows(&other)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a session shows the finding.
    fn shows(&mut self, session: &Session) -> Result<bool, RuntimeError> {
        let trace = match self.wanted.rule {
            // Most of them hang at the place that is known by now, and are ended there.
            Rule::Timeout => self.reproducer.explore_one(session)?,
            _ => self.reproducer.isolated(session)?,
        };
        let again = self.reproducer.judge(session, &trace);
        Ok(again.iter().any(|finding| finding.fingerprint == self.wanted.fingerprint))
    }
}

/// The arguments of the plugin under test, each once.
fn arguments(session: &Session) -> Vec<Argument> {
    let own = session.calls.iter().filter(|call| !call.other);
    let mut arguments = Vec::new();
    for (argument, _) in own.flat_map(|call| &call.arguments) {
        if !arguments.contains(argument) {
            arguments.push(*argument);
        }
    }
    arguments
}

/// The calls that have the argument.
fn places(session: &Session, argument: Argument) -> impl Iterator<Item = usize> {
    let calls = session.calls.iter().enumerate();
    calls.filter(move |(_, call)| !call.other && call.argument(argument).is_some()).map(|(index, _)| index)
}

/// The values that the argument has in nominal sessions, each once.
fn nominal_values(nominal: &[Session], argument: Argument) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    for session in nominal {
        let value = session.calls.iter().find_map(|call| call.argument(argument));
        values.extend(value.filter(|value| !values.contains(value)).cloned());
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::Hook,
        engine::{
            Setup,
            exclusive_run::ExclusiveRun,
            fake::{self, FakePlugin, give, port, raise},
        },
        trace::Ending,
    };

    /// The decisive arguments of a session, as (call, name).
    fn found(plugin: &FakePlugin, session: &Session) -> Vec<(usize, &'static str)> {
        plugin.with_plan(|plan| {
            let mut reproducer = Reproducer::start(plan, &Setup::default(), &ExclusiveRun::default()).unwrap();
            let trace = reproducer.isolated(session).unwrap();
            let wanted = reproducer.judge(session, &trace).remove(0);
            let found = decisive(&mut reproducer, session, &wanted, &Stop::default()).unwrap().unwrap();
            found.iter().map(|one| (one.call, one.argument.name())).collect()
        })
    }

    #[test]
    fn the_argument_that_makes_the_difference_is_found_however_plain_it_is() {
        let fails_at =
            |number| {
                FakePlugin::new(move |call, _, _| {
                    if call.hook == Hook::SessionEnded && port(call) == number { raise("E") } else { give(1) }
                })
            };
        assert_eq!(found(&fails_at(22), &fake::session(22)), [(2, "server_port")]);
        // A value that a nominal session has, too.
        assert_eq!(found(&fails_at(1001), &fake::session(1001)), [(2, "server_port")]);
    }

    #[test]
    fn the_argument_that_makes_a_call_hang_is_found_too() {
        let hangs = FakePlugin::new(|call, _, _| match port(call) {
            22 => Ending::TimedOut { limit: Default::default(), frames: Vec::new() },
            _ => give(1),
        });
        assert_eq!(found(&hangs, &fake::session(22)), [(0, "server_port")]);
    }

    #[test]
    fn nothing_makes_a_difference_if_the_hook_always_fails() {
        assert_eq!(found(&FakePlugin::new(|_, _, _| raise("E")), &fake::session(70_000)), []);
    }
}
