//! [`PendingFindings`]: findings that sessions seemed to show while they ran for another purpose, under load for
//! example. [`reproduce`] runs them again: what shows in a fresh process is shrunk, written and reported as in any run.

use std::{ops::Range, time::Instant};

use crate::{
    case::Session,
    corpus::Corpus,
    engine::{
        EngineError, Event, Plan, Setup, Stop, Summary,
        batch::Batch,
        batch_result::{BatchResult, CandidateFinding},
        exclusive_run::ExclusiveRun,
        reproducer::Reproducer,
        triage::Triage,
    },
    finding::Finding,
    trace::Trace,
};

/// How many different fingerprints are kept. Each keeps a session in memory.
const FINGERPRINTS: usize = 256;

/// Candidate findings with a session for each. Bounded for any number of sessions.
#[derive(Debug, Default)]
pub struct PendingFindings {
    result: BatchResult,
    /// The sessions that are examples. The numbers in `result` are indices into it.
    examples: Vec<Session>,
    are_nominal: bool,
}

impl PendingFindings {
    /// With nothing pending. If the sessions are nominal, a finding of every session is marked as such.
    pub fn new(are_nominal: bool) -> Self {
        Self { are_nominal, ..Self::default() }
    }

    /// Adds what a session seemed to show.
    pub fn add(&mut self, session: &Session, trace: &Trace, mut findings: Vec<Finding>) {
        let candidates = &self.result.candidates;
        findings.retain(|finding| candidates.len() < FINGERPRINTS || candidates.contains_key(&finding.fingerprint));
        let fingerprints: Vec<_> = findings.iter().map(|finding| finding.fingerprint.clone()).collect();
        let number = self.examples.len() as u64;
        self.result.add(number, session, findings, trace, self.are_nominal);
        // Numbers belong to examples only, and examples are reproduced for what they showed, not compared.
        self.result.timed_out.clear();
        let is_example = |known: &CandidateFinding| known.examples.iter().any(|(example, _)| *example == number);
        if fingerprints.iter().filter_map(|one| self.result.candidates.get(one)).any(is_example) {
            self.examples.push(session.clone());
        }
    }
}

/// The examples as a batch for triage.
struct ExampleBatch {
    sessions: Vec<Session>,
    are_nominal: bool,
}

impl Batch for ExampleBatch {
    fn numbers(&self) -> Range<u64> {
        0..self.sessions.len() as u64
    }

    fn session(&self, number: u64) -> Option<Session> {
        self.sessions.get(usize::try_from(number).ok()?).cloned()
    }

    fn are_nominal(&self) -> bool {
        self.are_nominal
    }

    fn is_sample(&self, _: u64) -> bool {
        false
    }
}

/// Runs the examples of pending findings in fresh processes; shrinks, writes and reports what shows again. The counts
/// in the summary are those of the sessions that were added.
///
/// # Errors
/// [`EngineError`] if the runtime or the disk failed. What was found until then is on disk.
pub fn reproduce(
    plan: &Plan<'_>,
    pending: PendingFindings,
    corpus: &Corpus,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Summary, EngineError> {
    let started = Instant::now();
    let exclusive = ExclusiveRun::default();
    let mut reproducer = Reproducer::idle(plan, &Setup::default(), &exclusive);
    let mut triage = Triage::new(corpus.clone(), stop, listen);
    let PendingFindings { result, examples, are_nominal } = pending;
    triage.process_batch(&mut reproducer, &ExampleBatch { sessions: examples, are_nominal }, &result)?;
    let mut summary = Summary { sessions: result.sessions, calls: result.calls, ..Summary::default() };
    triage.table.close_into(&mut summary);
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
    fn only_what_reproduces_is_reported_with_the_number_of_sessions_that_showed_it() {
        // Port 1 always raises; no other finding shows again.
        let plugin = FakePlugin::new(|call, _, _| match fake::port(call) {
            1 if call.hook == Hook::GetPasswordList => fake::raise("KeyError"),
            _ => fake::give(1),
        });
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        let mut pending = PendingFindings::new(true);
        for (port, type_name) in [(1, "KeyError"), (1, "KeyError"), (2, "OSError"), (0, "")] {
            let trace = fake::trace_of(if port == 0 { fake::give(1) } else { fake::raise(type_name) });
            let findings = if port == 0 { Vec::new() } else { fake::findings(&trace) };
            pending.add(&fake::session(port), &trace, findings);
        }
        let summary = plugin.with_plan(|plan| reproduce(plan, pending, &corpus, &Stop::default(), &|_| {}).unwrap());
        assert_eq!((summary.sessions, summary.unconfirmed, summary.reported.len()), (4, 1, 1));
        assert_eq!((summary.reported[0].finding.message.as_str(), summary.reported[0].occurrences), ("KeyError", 2));
        assert!(summary.reported[0].case_path.as_ref().is_some_and(|path| path.is_file()));
    }
}
