//! [`Triage`] processes what batches showed, in order: it reproduces candidate findings in fresh processes, compares
//! runs of one session, shrinks, writes cases and reports. `test`, `fuzz` and `load` use the same triage.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Instant};

use crate::{
    case::Session,
    corpus::{Corpus, CorpusError, read_case},
    engine::{
        EngineError, Event, ReportedFinding, Stop,
        attempt_runner::AttemptRunner,
        batch::Batch,
        batch_result::BatchResult,
        cause,
        compare::{self, Difference},
        decisive,
        finding_table::FindingTable,
        reproducer::{Reproduced, Reproducer, rank},
        sdk, shrink,
    },
    finding::{Finding, Rule},
    runtime::RuntimeError,
    trace::CallTrace,
};

/// How many neighbours run in any case, and for how many sessions one more may run. A neighbour costs a process, which
/// is as much as some ten sessions: this is less than a twentieth of a run's time.
const NEIGHBOURS: u64 = 24;
const SESSIONS_FOR_A_NEIGHBOUR: u64 = 200;

/// Decides what is a finding. One thread at a time uses it, batch by batch in order.
pub(super) struct Triage<'a> {
    corpus: Corpus,
    stop: &'a Stop,
    listen: &'a (dyn Fn(Event) + Sync),
    pub(super) table: FindingTable,
    /// Sessions of the current batch of which two runs differed. One such finding for a session is enough.
    differed: BTreeSet<u64>,
    /// A session that shows the finding which is reported now, after an earlier call lost its result. The smallest case
    /// may have no such call.
    session_after_loss: Option<Session>,
    /// How many neighbours of sessions that changed state were run.
    neighbours: u64,
}

impl<'a> Triage<'a> {
    pub(super) fn new(corpus: Corpus, stop: &'a Stop, listen: &'a (dyn Fn(Event) + Sync)) -> Self {
        Self {
            corpus,
            stop,
            listen,
            table: FindingTable::default(),
            differed: BTreeSet::new(),
            session_after_loss: None,
            neighbours: 0,
        }
    }

    /// Counts a batch, and reproduces what is new in it.
    pub(super) fn process_batch(
        &mut self,
        reproducer: &mut Reproducer<'_>,
        batch: &dyn Batch,
        result: &BatchResult,
    ) -> Result<(), EngineError> {
        self.differed.clear();
        for (number, finding) in self.table.count(result, batch.are_nominal()) {
            // To reproduce a timeout takes long. A user who asked to stop should not have to wait for it.
            let is_too_slow = finding.rule == Rule::Timeout && self.stop.requested();
            if self.table.wants(&finding) && !is_too_slow {
                let after_loss = result.candidates.get(&finding.fingerprint).and_then(|one| one.after_loss);
                self.reproduce_candidate(reproducer, batch, number, &finding, after_loss)?;
            }
        }
        for (&number, names) in &result.changes {
            let is_wanted = !result.timed_out.contains(&number)
                && !self.differed.contains(&number)
                && self.table.wants_changes(names);
            if is_wanted && !self.stop.requested() {
                self.look_for_leak(reproducer, batch, number, names)?;
            }
        }
        for number in batch.numbers() {
            let is_wanted =
                batch.is_sample(number) && !result.timed_out.contains(&number) && !self.differed.contains(&number);
            if is_wanted
                && !self.stop.requested()
                && let Some(session) = batch.session(number)
            {
                let difference = compare::compare_both(reproducer, &session)?;
                self.report_difference(reproducer, number, Vec::new(), difference)?;
            }
        }
        Ok(())
    }

    pub(super) fn emit_progress(&self, of: u64) {
        (self.listen)(Event::Progress {
            sessions: self.table.sessions,
            of: Some(of),
            calls: self.table.calls,
            findings: self.table.confirmed,
        });
    }

    /// Runs the session of a candidate finding in fresh processes.
    fn reproduce_candidate(
        &mut self,
        reproducer: &mut Reproducer<'_>,
        batch: &dyn Batch,
        number: u64,
        finding: &Finding,
        after_loss: Option<u64>,
    ) -> Result<(), EngineError> {
        let Some(session) = batch.session(number) else { return Ok(()) };
        (self.listen)(Event::Confirming { finding: finding.clone() });
        let stop = &self.stop.until(Instant::now() + reproducer.plan.max_time_per_finding);
        let reproduced = match reproducer.hangs().take(&session, finding) {
            Some(reproduced) => Some(reproduced),
            None => reproducer.reproduce(&session, finding)?,
        };
        match reproduced {
            Some(reproduced) => {
                // It was another finding than it seemed.
                if reproduced.finding.fingerprint != finding.fingerprint {
                    self.table.failed(&finding.fingerprint);
                    if !self.table.count_difference(&reproduced.finding.fingerprint) {
                        return Ok(());
                    }
                }
                if reproduced.finding.rule == Rule::Timeout {
                    reproducer.hangs().add(&reproduced);
                }
                self.session_after_loss = after_loss.and_then(|number| batch.session(number));
                self.report(reproducer, Vec::new(), reproduced, |runner, earlier, reproduced| {
                    let (small, _tries) = shrink::shrink_confirmed(runner, reproduced, stop)?;
                    Ok((earlier, small))
                })
            }
            None => {
                self.table.failed(&finding.fingerprint);
                if finding.rule == Rule::Timeout || self.stop.requested() || self.differed.contains(&number) {
                    return Ok(());
                }
                // It shows after other sessions and not in a fresh process. So state was carried over, within the
                // session or from the sessions before.
                let start = batch.numbers().start;
                let before: Vec<Session> = (start..number).filter_map(|number| batch.session(number)).collect();
                for earlier in [Vec::new(), before] {
                    let difference = compare::compare_after(reproducer, &earlier, &session, &[])?;
                    if !matches!(difference, Difference::None) {
                        return self.report_difference(reproducer, number, earlier, difference);
                    }
                }
                Ok(())
            }
        }
    }

    /// A session changed names that may carry state over. Compares this session, the next one and its neighbours after
    /// it.
    fn look_for_leak(
        &mut self,
        reproducer: &mut Reproducer<'_>,
        batch: &dyn Batch,
        number: u64,
        names: &[String],
    ) -> Result<(), EngineError> {
        let Some(session) = batch.session(number) else { return Ok(()) };
        let next = batch.session(number + 1);
        let allowed = NEIGHBOURS + self.table.sessions / SESSIONS_FOR_A_NEIGHBOUR;
        let left = usize::try_from(allowed.saturating_sub(self.neighbours)).unwrap_or(usize::MAX);
        let alone = [(Vec::new(), &session), (vec![session.clone()], &session)];
        for (earlier, session) in alone.into_iter().chain(next.iter().map(|next| (vec![session.clone()], next))) {
            let difference = compare::compare_after(reproducer, &earlier, session, names)?;
            if !matches!(difference, Difference::None) {
                return self.report_difference(reproducer, number, earlier, difference);
            }
        }
        if left == 0 {
            return Ok(());
        }
        let neighbours: Vec<Session> = reproducer.plan.source.neighbours(&session).into_iter().take(left).collect();
        self.neighbours += neighbours.len() as u64;
        let (earlier, fresh) = ([session], reproducer.persistent(&neighbours)?);
        for (neighbour, fresh) in neighbours.iter().zip(&fresh) {
            // One cheap run shows where the thorough comparison is worth its price.
            let after = reproducer.after(&earlier, neighbour)?;
            if !reproducer.differ(fresh, &after) {
                continue;
            }
            let difference = compare::compare_after(reproducer, &earlier, neighbour, names)?;
            if !matches!(difference, Difference::None) {
                return self.report_difference(reproducer, number, earlier.to_vec(), difference);
            }
        }
        Ok(())
    }

    fn report_difference(
        &mut self,
        reproducer: &mut Reproducer<'_>,
        number: u64,
        earlier: Vec<Session>,
        difference: Difference,
    ) -> Result<(), EngineError> {
        let (is_leak, reproduced) = match difference {
            Difference::None => return Ok(()),
            Difference::StateLeak(reproduced) => (true, reproduced),
            Difference::Nondeterministic(reproduced) => (false, reproduced),
        };
        self.differed.insert(number);
        if !self.table.count_difference(&reproduced.finding.fingerprint) {
            return Ok(());
        }
        (self.listen)(Event::Confirming { finding: reproduced.finding.clone() });
        let stop = &self.stop.until(Instant::now() + reproducer.plan.max_time_per_finding);
        if is_leak {
            self.report(reproducer, earlier, reproduced, |runner, earlier, reproduced| {
                let (earlier, small, _tries) = compare::shrink_leak(runner, earlier, reproduced, stop)?;
                Ok((earlier, small))
            })
        } else {
            self.report(reproducer, Vec::new(), reproduced, |runner, earlier, reproduced| {
                let (small, _tries) = compare::shrink_nondeterminism(runner, reproduced, stop)?;
                Ok((earlier, small))
            })
        }
    }

    /// Writes the case of a finding, shrinks it, writes it again, and reports the finding.
    fn report(
        &mut self,
        reproducer: &mut Reproducer<'_>,
        earlier: Vec<Session>,
        found: Reproduced,
        shrink: impl FnOnce(
            &mut AttemptRunner<'_, '_>,
            Vec<Session>,
            Reproduced,
        ) -> Result<(Vec<Session>, Reproduced), RuntimeError>,
    ) -> Result<(), EngineError> {
        // Shrinking takes time, and the user may kill the host meanwhile.
        self.written(self.corpus.write(&reproducer.plan.case(&earlier, &found.session, &found.finding)));
        let (earlier, small) = if self.stop.requested() {
            (earlier, found)
        } else {
            shrink(&mut AttemptRunner::One(reproducer), earlier, found)?
        };
        let mut reported = ReportedFinding {
            case: Some(reproducer.plan.case(&earlier, &small.session, &small.finding)),
            call: call_of(&small),
            in_sdk: sdk::is_in_sdk(reproducer.plan.loading, &small.finding),
            ..ReportedFinding::without_case(small.finding)
        };
        self.write_final(reproducer, &mut reported)?;
        if !self.stop.requested() {
            self.explain(reproducer, &mut reported)?;
        }
        if let Some(reported) = self.table.confirm(reported) {
            (self.listen)(Event::Found(Box::new(reported)));
        }
        Ok(())
    }

    /// Finds the arguments that make the difference in the case, and the finding from which this one follows.
    fn explain(&mut self, reproducer: &mut Reproducer<'_>, reported: &mut ReportedFinding) -> Result<(), EngineError> {
        let after_loss = self.session_after_loss.take();
        let Some(case) = &reported.case else { return Ok(()) };
        // Each run of a finding about memory or time takes long, and the finding is worth most without this wait.
        let stop = self.stop.until(Instant::now() + reproducer.plan.max_time_per_finding / 4);
        reported.decisive = decisive::decisive(reproducer, &case.session, &reported.finding, &stop)?;
        if let Some(session) = after_loss {
            reported.follows = cause::find(reproducer, &session, &reported.finding, &self.table.cookies)?;
        }
        Ok(())
    }

    /// Writes the final case. If a smaller, older case has its file name, the older case is reported if it still shows
    /// the finding; if not, ours is written beside it. So the file that a report names always shows what the report
    /// says.
    fn write_final(
        &mut self,
        reproducer: &mut Reproducer<'_>,
        reported: &mut ReportedFinding,
    ) -> Result<(), EngineError> {
        let Some(case) = &reported.case else { return Ok(()) };
        reported.case_path = self.written(self.corpus.write(case));
        let Some(path) = reported.case_path.clone() else { return Ok(()) };
        let Ok(older) = read_case(&path) else { return Ok(()) };
        if older == *case {
            return Ok(());
        }
        let runs_alike = older.plugin_type == case.plugin_type
            && older.platform == case.platform
            && older.configuration == case.configuration;
        let shown = match reported.finding.rule {
            _ if !runs_alike || self.stop.requested() => None,
            Rule::StateLeak => compare::reproduce_leak(reproducer, &older.earlier, &older.session, &reported.finding)?,
            Rule::Nondeterministic => compare::compare_fresh(reproducer, &older.session)?,
            _ => reproducer.reproduce(&older.session, &reported.finding)?,
        };
        if let Some(shown) = shown
            && shown.finding.fingerprint == reported.finding.fingerprint
            && rank(&shown.finding) <= rank(&reported.finding)
        {
            reported.call = call_of(&shown);
            reported.finding = shown.finding;
            reported.case = Some(older);
            return Ok(());
        }
        reported.case_path = self.written(self.corpus.write_beside(case));
        Ok(())
    }

    /// The file that was written. If it could not be written, the finding is reported without a file and the run ends:
    /// what it finds later would exist in memory only.
    fn written(&mut self, written: Result<PathBuf, CorpusError>) -> Option<PathBuf> {
        written
            .map_err(|error| {
                self.table.unwritten.get_or_insert_with(|| Arc::new(error));
                self.stop.request();
            })
            .ok()
    }
}

/// The call that shows the finding.
fn call_of(reproduced: &Reproduced) -> Option<CallTrace> {
    reproduced.finding.call.and_then(|call| reproduced.trace.calls.get(call)).cloned()
}
