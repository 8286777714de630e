//! [`Explorer`]: runs the sessions of a [`WorkItem`] in an instrumented worker, and makes testcases of those with new
//! coverage. Each thread has one.

use std::time::Duration;

use crate::{
    case::{Session, Value},
    engine::{
        EngineError, Plan, Setup,
        batch::{self, Batch},
        batch_result::BatchResult,
        fuzz::{
            coverage_map::NewCoverage,
            feature::{FeatureSet, features, is_aborted},
            fuzz_batch::FuzzBatch,
            fuzz_run::FuzzRun,
            scheduler::Testcase,
            state::CandidateTestcase,
            work_item::{InputPlan, WorkItem},
        },
        reproducer::{Reproducer, timed_out},
    },
    runtime::Executor,
    trace::{Ending, Instrumentation, Observation, Trace},
};

/// An instrumented worker.
pub(super) struct Explorer<'s, 'a> {
    run: &'s FuzzRun<'a>,
    executor: Box<dyn Executor>,
    /// The features that this thread saw. Most sessions have no other, and need no lock.
    known: FeatureSet,
}

impl<'s, 'a> Explorer<'s, 'a> {
    /// Starts the worker.
    pub(super) fn start(run: &'s FuzzRun<'a>) -> Result<Self, EngineError> {
        let setup = Setup { instrument: true, ..Setup::default() };
        Ok(Self { run, executor: (run.plan.workers)(&setup)?, known: FeatureSet::default() })
    }

    /// How many places of the plugin's code are instrumented.
    pub(super) fn instrumented(&self) -> usize {
        self.executor.instrumented()
    }

    /// The lines that ran so far in this worker.
    pub(super) fn lines_hit(&self) -> Vec<(usize, u32)> {
        self.executor.lines_hit()
    }

    /// Runs a batch. `reproducer` judges, and confirms timeouts at new places.
    pub(super) fn run(
        &mut self,
        reproducer: &mut Reproducer<'_>,
        item: WorkItem,
    ) -> Result<(FuzzBatch, BatchResult), EngineError> {
        let Self { run, executor, known } = self;
        let mut sessions = make(run.plan, run.settings.seed, &item);
        let mut result = BatchResult::default();
        let mut candidates: Vec<(CandidateTestcase, Trace)> = Vec::new();
        batch::in_slices(0..sessions.len() as u64, &|| run.end_reason().is_some(), |numbers| {
            let range = numbers.start as usize..numbers.end as usize;
            executor.end_early(&run.threads.exclusive.hangs().places());
            let observed = run
                .threads
                .exclusive
                .shared(|| executor.run_until_timeout(&sessions[range.clone()], Instrumentation::NewEdges))?;
            let ran = observed.len() as u64;
            let mut elapsed = Duration::ZERO;
            for (at, Observation { trace, edges, .. }) in range.zip(observed) {
                let (session, number) = (&sessions[at], item.first + at as u64);
                result.add(number, session, reproducer.judge(session, &trace), &trace, item.is_nominal);
                elapsed += batch::elapsed(&trace);
                let features = features(session, &trace);
                if known.mark(&features) > 0 || !edges.is_empty() {
                    let cost = if run.settings.runs.is_some() {
                        trace.calls.len() as f64
                    } else {
                        batch::elapsed(&trace).as_secs_f64()
                    };
                    let candidate = CandidateTestcase {
                        at,
                        edges,
                        features,
                        is_aborted: is_aborted(&trace),
                        is_timed_out: timed_out(&trace),
                        content: 0,
                        cost,
                    };
                    candidates.push((candidate, trace));
                }
            }
            if run.end_reason().is_none() {
                let session = |number: u64| sessions.get((number - item.first) as usize).cloned();
                reproducer.confirm_hangs(&result, session)?;
            }
            Ok((ran, elapsed))
        })?;
        self.add_testcases(&sessions, candidates)?;
        let needs_sessions = self.run.state().filter_repeats(&mut result);
        let batch = FuzzBatch { first: item.first, sessions: Vec::new(), is_nominal: item.is_nominal };
        let ran = item.first..item.first + result.sessions;
        if needs_sessions || ran.into_iter().any(|number| batch.is_sample(number)) {
            sessions.truncate(usize::try_from(result.sessions).unwrap_or(usize::MAX));
            return Ok((FuzzBatch { sessions, ..batch }, result));
        }
        Ok((batch, result))
    }

    /// Makes testcases of the candidates whose coverage is new to the whole run.
    fn add_testcases(
        &mut self,
        sessions: &[Session],
        mut candidates: Vec<(CandidateTestcase, Trace)>,
    ) -> Result<(), EngineError> {
        if candidates.is_empty() {
            return Ok(());
        }
        let run = self.run;
        for (candidate, _) in &mut candidates {
            candidate.content = run.plan.content(&sessions[candidate.at]).0;
        }
        let (candidates, traces): (Vec<CandidateTestcase>, Vec<Trace>) = candidates.into_iter().unzip();
        let admitted = run.state().admit(&candidates);
        for ((candidate, trace), new) in candidates.into_iter().zip(traces).zip(admitted) {
            if let Some(new) = new {
                let session = &sessions[candidate.at];
                self.add_testcase(session, candidate, &trace, new)?;
            }
        }
        Ok(())
    }

    /// Makes a testcase: writes it first, then runs it once more to record its comparisons.
    fn add_testcase(
        &mut self,
        session: &Session,
        candidate: CandidateTestcase,
        trace: &Trace,
        new: NewCoverage,
    ) -> Result<(), EngineError> {
        let run = self.run;
        let (content, bytes) = run.plan.content(session);
        let path = run.write_seed(session, content)?;
        run.emit_coverage(new, path);
        let one = std::slice::from_ref(session);
        let observed =
            run.threads.exclusive.shared(|| self.executor.run_observed(one, Instrumentation::Comparisons))?;
        let Observation { edges, comparisons, .. } = observed.into_iter().next().unwrap_or_default();
        let edges = if edges.is_empty() { candidate.edges } else { edges };
        let selected = run.state().learn(comparisons, |dictionary| {
            for value in results(trace) {
                dictionary.learn_value(&value);
            }
        });
        let suggested = run.plan.source.input_to_state(session, &selected);
        let testcase = Testcase::new(session.clone().into(), &edges, candidate.cost, bytes, candidate.is_aborted);
        run.state().add_testcase(testcase, suggested);
        Ok(())
    }
}

/// Makes the sessions of a batch.
fn make(plan: &Plan<'_>, seed: u64, item: &WorkItem) -> Vec<Session> {
    let source = plan.source;
    let make = |input: &InputPlan| match input {
        InputPlan::Given(session) => Session::clone(session),
        InputPlan::Nominal(number) => source.nominal(*number),
        InputPlan::Generated(number) => source.generated(seed, *number),
        InputPlan::Mutation { seed, parent, donor } => source
            .mutated(&item.dictionary, *seed, parent, donor.as_deref())
            .unwrap_or_else(|| source.generated(*seed, 0)),
    };
    item.inputs.iter().map(make).collect()
}

/// The results of a session's calls, as far as JSON can express them, and its cookies.
fn results(trace: &Trace) -> Vec<Value> {
    let returned = trace.calls.iter().filter_map(|call| match &call.ending {
        Ending::Returned(result) => result.through_json(),
        _ => None,
    });
    returned.chain([trace.cookie.clone(), trace.session_cookie.clone()]).collect()
}
