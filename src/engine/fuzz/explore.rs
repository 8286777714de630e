//! What each thread does: takes an [`Order`], makes its sessions, runs them in a worker that watches, looks closer at
//! those that brought something new, and hands in what they showed. [`Explorer`] is the worker with all of that.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    time::Duration,
};

use crate::{
    case::{Session, Value},
    engine::{
        EngineError, Plan, Setup,
        batch::{self, Sightings},
        bench::{Bench, timed_out},
        clerk::Sessions,
        course::SAMPLE,
        fuzz::{
            Shared,
            feature::{Known, features, is_broken},
            schedule::Entry,
            steering::{Brought, Candidate, Order, Planned},
        },
    },
    runtime::Executor,
    trace::{Ending, Instrumentation, Observation, Trace},
};

/// Every so many sessions one is compared with itself, found or not.
const SAMPLE_EVERY: u64 = 4096;

/// The sessions of a batch that ran.
pub(super) struct Batch {
    first: u64,
    /// Empty where nobody will ask for them.
    sessions: Vec<Session>,
    is_ordinary: bool,
}

impl Sessions for Batch {
    fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.sessions.len() as u64
    }

    fn session(&self, number: u64) -> Option<Session> {
        self.sessions.get(usize::try_from(number.checked_sub(self.first)?).ok()?).cloned()
    }

    fn are_ordinary(&self) -> bool {
        self.is_ordinary
    }

    fn is_sample(&self, number: u64) -> bool {
        number < SAMPLE || number % SAMPLE_EVERY == SAMPLE_EVERY - 1
    }
}

/// A worker that watches, and what its thread knows.
pub(super) struct Explorer<'s, 'a> {
    shared: &'s Shared<'a>,
    runner: Box<dyn Executor>,
    /// Outcomes that need no second look.
    known: Known,
}

impl<'s, 'a> Explorer<'s, 'a> {
    /// Starts a worker that watches.
    pub(super) fn start(shared: &'s Shared<'a>) -> Result<Self, EngineError> {
        let setup = Setup { instrument: true, ..Setup::default() };
        Ok(Self { shared, runner: (shared.plan.workers)(&setup)?, known: Known::default() })
    }

    /// How many places of the plugin's code are watched.
    pub(super) fn instrumented(&self) -> usize {
        self.runner.instrumented()
    }

    /// Lines that ran so far in this worker.
    pub(super) fn lines_hit(&self) -> Vec<(usize, u32)> {
        self.runner.lines_hit()
    }

    /// Runs a batch. `bench` only judges.
    pub(super) fn run(&mut self, bench: &Bench<'_>, order: Order) -> Result<(Batch, Sightings), EngineError> {
        let Self { shared, runner, known } = self;
        let mut sessions = make(shared.plan, shared.settings.seed, &order);
        let mut sightings = Sightings::default();
        let mut candidates: Vec<(Candidate, Trace)> = Vec::new();
        batch::in_slices(0..sessions.len() as u64, &|| shared.over().is_some(), |numbers| {
            let range = numbers.start as usize..numbers.end as usize;
            let watched = shared
                .quiet
                .among_others(|| runner.run_observed(&sessions[range.clone()], Instrumentation::NewEdges))?;
            let mut elapsed = Duration::ZERO;
            for (at, Observation { trace, edges, .. }) in range.zip(watched) {
                let (session, number) = (&sessions[at], order.first + at as u64);
                sightings.add(number, session, bench.judge(session, &trace), &trace, order.is_ordinary);
                elapsed += batch::elapsed(&trace);
                let features = features(session, &trace);
                if known.mark(&features) > 0 || !edges.is_empty() {
                    let cost = if shared.settings.runs.is_some() {
                        trace.calls.len() as f64
                    } else {
                        batch::elapsed(&trace).as_secs_f64()
                    };
                    let candidate = Candidate {
                        at,
                        edges,
                        features,
                        is_broken: is_broken(&trace),
                        is_timed_out: timed_out(&trace),
                        content: 0,
                        cost,
                    };
                    candidates.push((candidate, trace));
                }
            }
            Ok(elapsed)
        })?;
        self.take_in(&sessions, candidates)?;
        let is_of_use = self.shared.steering().sift(&mut sightings);
        let batch = Batch { first: order.first, sessions: Vec::new(), is_ordinary: order.is_ordinary };
        let ran = order.first..order.first + sightings.sessions;
        if is_of_use || ran.into_iter().any(|number| batch.is_sample(number)) {
            sessions.truncate(usize::try_from(sightings.sessions).unwrap_or(usize::MAX));
            return Ok((Batch { sessions, ..batch }, sightings));
        }
        Ok((batch, sightings))
    }

    /// Makes entries of those candidates that brought something new to the whole campaign.
    fn take_in(&mut self, sessions: &[Session], mut candidates: Vec<(Candidate, Trace)>) -> Result<(), EngineError> {
        if candidates.is_empty() {
            return Ok(());
        }
        let shared = self.shared;
        for (candidate, _) in &mut candidates {
            candidate.content = content(shared.plan, &sessions[candidate.at]).0;
        }
        let (candidates, traces): (Vec<Candidate>, Vec<Trace>) = candidates.into_iter().unzip();
        let brought = shared.steering().admit(&candidates);
        let mut admitted: Vec<(Candidate, Trace, Brought)> = Vec::new();
        for ((candidate, trace), brought) in candidates.into_iter().zip(traces).zip(brought) {
            admitted.extend(brought.map(|brought| (candidate, trace, brought)));
        }
        for (candidate, trace, brought) in admitted {
            let session = &sessions[candidate.at];
            self.take(session, candidate, &trace, brought)?;
        }
        Ok(())
    }

    /// Makes an entry: on disk first, then what it compares is looked at.
    fn take(
        &mut self,
        session: &Session,
        candidate: Candidate,
        trace: &Trace,
        brought: Brought,
    ) -> Result<(), EngineError> {
        let shared = self.shared;
        let (content, bytes) = content(shared.plan, session);
        let path = shared.keep(session, content)?;
        shared.news(brought, path);
        let one = std::slice::from_ref(session);
        let closer = shared.quiet.among_others(|| self.runner.run_observed(one, Instrumentation::Comparisons))?;
        let Observation { edges, comparisons, .. } = closer.into_iter().next().unwrap_or_default();
        let edges = if edges.is_empty() { candidate.edges } else { edges };
        let worth = shared.steering().learn(comparisons, |dictionary| {
            for value in results(trace) {
                dictionary.learn_value(&value);
            }
        });
        let suggested = shared.plan.source.substituted(session, &worth);
        let entry = Entry::new(session.clone().into(), &edges, candidate.cost, bytes, candidate.is_broken);
        shared.steering().enter(entry, suggested);
        Ok(())
    }
}

/// Makes the sessions of an order.
fn make(plan: &Plan<'_>, seed: u64, order: &Order) -> Vec<Session> {
    let source = plan.source;
    let make = |planned: &Planned| match planned {
        Planned::Given(session) => Session::clone(session),
        Planned::Ordinary(number) => source.ordinary(*number),
        Planned::Generated(number) => source.generated(seed, *number),
        Planned::Child { seed: child, parent, donor } => source
            .mutated(&order.dictionary, *child, parent, donor.as_deref())
            .unwrap_or_else(|| source.generated(*child, 0)),
    };
    order.sessions.iter().map(make).collect()
}

/// A hash of a session's content, and how many bytes it has, written down.
pub(super) fn content(plan: &Plan<'_>, session: &Session) -> (u64, usize) {
    let text = plan.bare_case(&[], session).to_json();
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    (hasher.finish(), text.len())
}

/// What a session's calls returned, as far as it can be passed on.
fn results(trace: &Trace) -> Vec<Value> {
    let returned = trace.calls.iter().filter_map(|call| match &call.ending {
        Ending::Returned(result) => result.through_json(),
        _ => None,
    });
    returned.chain([trace.cookie.clone(), trace.session_cookie.clone()]).collect()
}
