//! Looks again at what somebody else saw while running sessions for another end: [`look_again`]. What shows in a fresh
//! process is shrunk, kept and reported as in any campaign; what does not is none.

use std::{ops::Range, time::Instant};

use crate::{
    case::Session,
    corpus::Corpus,
    engine::{
        EngineError, Event, Plan, Setup, Stop, Summary,
        batch::{Sightings, Suspicion},
        bench::{Bench, Quiet},
        clerk::{Clerk, Sessions},
    },
    finding::Finding,
    trace::Trace,
};

/// How many different fingerprints are kept: each has a session in memory.
const FINGERPRINTS: usize = 256;

/// What sessions seemed to show. Bounded, however many there are.
#[derive(Debug, Default)]
pub struct Suspected {
    sightings: Sightings,
    /// The sessions that are examples; their places here are their numbers.
    examples: Vec<Session>,
    are_ordinary: bool,
}

impl Suspected {
    /// Nothing so far. Sessions that are ordinary tell what shows in every one of them.
    pub fn new(are_ordinary: bool) -> Self {
        Self { are_ordinary, ..Self::default() }
    }

    /// Takes in what a session seemed to show.
    pub fn add(&mut self, session: &Session, trace: &Trace, mut findings: Vec<Finding>) {
        let suspicions = &self.sightings.suspicions;
        findings.retain(|finding| suspicions.len() < FINGERPRINTS || suspicions.contains_key(&finding.fingerprint));
        let fingerprints: Vec<_> = findings.iter().map(|finding| finding.fingerprint.clone()).collect();
        let number = self.examples.len() as u64;
        self.sightings.add(number, session, findings, trace, self.are_ordinary);
        // Sessions are looked at again for what they showed alone.
        self.sightings.timed_out.clear();
        let is_example = |known: &Suspicion| known.examples.iter().any(|(example, _)| *example == number);
        if fingerprints.iter().filter_map(|one| self.sightings.suspicions.get(one)).any(is_example) {
            self.examples.push(session.clone());
        }
    }
}

struct Examples(Vec<Session>, bool);

impl Sessions for Examples {
    fn numbers(&self) -> Range<u64> {
        0..self.0.len() as u64
    }

    fn session(&self, number: u64) -> Option<Session> {
        self.0.get(usize::try_from(number).ok()?).cloned()
    }

    fn are_ordinary(&self) -> bool {
        self.1
    }

    fn is_sample(&self, _: u64) -> bool {
        false
    }
}

/// Runs the examples of what is suspected again in fresh processes, and shrinks and keeps what shows there. The summary
/// counts the sessions that were suspected of it, not those that were run for this.
///
/// # Errors
/// [`EngineError`] where the runtime or the disk failed. What was found by then is on disk.
pub fn look_again(
    plan: &Plan<'_>,
    suspected: Suspected,
    corpus: &Corpus,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Summary, EngineError> {
    let started = Instant::now();
    let quiet = Quiet::default();
    let mut bench = Bench::idle(plan, &Setup::default(), &quiet);
    let mut clerk = Clerk::new(corpus.clone(), stop, listen);
    let Suspected { sightings, examples, are_ordinary } = suspected;
    clerk.merge(&mut bench, &Examples(examples, are_ordinary), &sightings)?;
    let mut summary = Summary { sessions: sightings.sessions, calls: sightings.calls, ..Summary::default() };
    clerk.ledger.close_into(&mut summary);
    summary.interrupted = stop.requested();
    summary.elapsed = started.elapsed();
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::Hook,
        engine::fake::{self, FakePlugin},
    };

    #[test]
    fn only_what_shows_again_is_told_with_the_count_of_those_that_showed_it() {
        // Port 1 raises always; whatever else was seen does not come again.
        let plugin = FakePlugin::new(|call, _, _| match fake::port(call) {
            1 if call.hook == Hook::GetPasswordList => fake::raise("KeyError"),
            _ => fake::give(1),
        });
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        let mut suspected = Suspected::new(true);
        for (port, type_name) in [(1, "KeyError"), (1, "KeyError"), (2, "OSError"), (0, "")] {
            let trace = fake::trace_of(if port == 0 { fake::give(1) } else { fake::raise(type_name) });
            let findings = if port == 0 { Vec::new() } else { fake::findings(&trace) };
            suspected.add(&fake::session(port), &trace, findings);
        }
        let summary = plugin.with_plan(|plan| look_again(plan, suspected, &corpus, &Stop::default(), &|_| {}).unwrap());
        assert_eq!((summary.sessions, summary.unconfirmed, summary.reported.len()), (4, 1, 1));
        assert_eq!((summary.reported[0].finding.message.as_str(), summary.reported[0].occurrences), ("KeyError", 2));
        assert!(summary.reported[0].case_path.as_ref().is_some_and(|path| path.is_file()));
    }
}
