//! Looks at what batches showed, in order, and decides: [`Clerk`] confirms, compares, shrinks, writes cases and tells.
//! Where the sessions of a batch come from is [`Sessions`]' affair, so that every campaign has the same one.

use std::{collections::BTreeSet, ops::Range, path::PathBuf};

use crate::{
    case::Session,
    corpus::{Corpus, CorpusError, read_case},
    engine::{
        EngineError, Event, Reported, Stop,
        batch::Sightings,
        bench::{Bench, Seen, class},
        leak::{self, Compared},
        ledger::Ledger,
        shrink,
    },
    finding::{Finding, Rule},
    runtime::RuntimeError,
};

/// The sessions of one batch.
pub(super) trait Sessions {
    /// Their numbers.
    fn numbers(&self) -> Range<u64>;

    /// That session. The one after the last may be there or not; all others of the batch are.
    fn session(&self, number: u64) -> Option<Session>;

    /// Whether all of them are ordinary ones.
    fn are_ordinary(&self) -> bool;

    /// Whether that session is compared with itself even where it shows nothing.
    fn is_sample(&self, number: u64) -> bool;
}

/// The one who decides. Only one thread at a time has it, and gets the batches in order.
pub(super) struct Clerk<'a> {
    corpus: Corpus,
    stop: &'a Stop,
    listen: &'a (dyn Fn(Event) + Sync),
    pub(super) ledger: Ledger,
    /// Sessions of the batch at hand that differed from themselves: once is enough.
    differed: BTreeSet<u64>,
}

impl<'a> Clerk<'a> {
    pub(super) fn new(corpus: Corpus, stop: &'a Stop, listen: &'a (dyn Fn(Event) + Sync)) -> Self {
        Self { corpus, stop, listen, ledger: Ledger::default(), differed: BTreeSet::new() }
    }

    /// Counts a batch and looks at what is new in it.
    pub(super) fn merge(
        &mut self,
        bench: &mut Bench<'_>,
        batch: &dyn Sessions,
        sightings: &Sightings,
    ) -> Result<(), EngineError> {
        self.differed.clear();
        for (number, finding) in self.ledger.count(sightings, batch.are_ordinary()) {
            // Confirming a timeout takes long; whoever asked to stop does not want to wait for it.
            let is_dear = finding.rule == Rule::Timeout && self.stop.requested();
            if self.ledger.wants(&finding) && !is_dear {
                self.look_again(bench, batch, number, &finding)?;
            }
        }
        for (&number, names) in &sightings.changes {
            let is_worth_it = !sightings.timed_out.contains(&number)
                && !self.differed.contains(&number)
                && self.ledger.changes_to_look_into(names);
            if is_worth_it && !self.stop.requested() {
                self.look_for_leak(bench, batch, number, names)?;
            }
        }
        for number in batch.numbers() {
            let is_worth_it =
                batch.is_sample(number) && !sightings.timed_out.contains(&number) && !self.differed.contains(&number);
            if is_worth_it
                && !self.stop.requested()
                && let Some(session) = batch.session(number)
            {
                let compared = leak::compare_both(bench, &session)?;
                self.tell_compared(bench, number, Vec::new(), compared)?;
            }
        }
        Ok(())
    }

    /// Tells how far it is.
    pub(super) fn tell_progress(&self, of: u64) {
        (self.listen)(Event::Progress {
            sessions: self.ledger.sessions,
            of: Some(of),
            calls: self.ledger.calls,
            findings: self.ledger.confirmed,
        });
    }

    /// Runs the session of a suspicion in fresh processes.
    fn look_again(
        &mut self,
        bench: &mut Bench<'_>,
        batch: &dyn Sessions,
        number: u64,
        finding: &Finding,
    ) -> Result<(), EngineError> {
        let Some(session) = batch.session(number) else { return Ok(()) };
        (self.listen)(Event::Confirming { finding: finding.clone() });
        match bench.confirm(&session, finding)? {
            Some(seen) => {
                let stop = self.stop;
                self.tell(bench, Vec::new(), seen, |bench, earlier, seen| {
                    let (seen, _tries) = shrink::shrink_confirmed(bench, seen, stop)?;
                    Ok((earlier, seen))
                })
            }
            None => {
                self.ledger.failed(&finding.fingerprint);
                if finding.rule == Rule::Timeout || self.stop.requested() || self.differed.contains(&number) {
                    return Ok(());
                }
                // Shown among others and not alone: something was carried over, within the session or from those before.
                let start = batch.numbers().start;
                let before: Vec<Session> = (start..number).filter_map(|number| batch.session(number)).collect();
                for earlier in [Vec::new(), before] {
                    let compared = leak::compare(bench, &earlier, &session, &[])?;
                    if !matches!(compared, Compared::Same) {
                        return self.tell_compared(bench, number, earlier, compared);
                    }
                }
                Ok(())
            }
        }
    }

    /// A session changed what may carry state over: does it, or the one after it, fare differently then?
    fn look_for_leak(
        &mut self,
        bench: &mut Bench<'_>,
        batch: &dyn Sessions,
        number: u64,
        names: &[String],
    ) -> Result<(), EngineError> {
        let Some(session) = batch.session(number) else { return Ok(()) };
        let next = batch.session(number + 1);
        let alone = [(Vec::new(), &session), (vec![session.clone()], &session)];
        for (earlier, session) in alone.into_iter().chain(next.iter().map(|next| (vec![session.clone()], next))) {
            let compared = leak::compare(bench, &earlier, session, names)?;
            if !matches!(compared, Compared::Same) {
                return self.tell_compared(bench, number, earlier, compared);
            }
        }
        Ok(())
    }

    fn tell_compared(
        &mut self,
        bench: &mut Bench<'_>,
        number: u64,
        earlier: Vec<Session>,
        compared: Compared,
    ) -> Result<(), EngineError> {
        let (is_leak, seen) = match compared {
            Compared::Same => return Ok(()),
            Compared::Leak(seen) => (true, seen),
            Compared::Unsteady(seen) => (false, seen),
        };
        self.differed.insert(number);
        if !self.ledger.count_compared(&seen.finding.fingerprint) {
            return Ok(());
        }
        (self.listen)(Event::Confirming { finding: seen.finding.clone() });
        let stop = self.stop;
        if is_leak {
            self.tell(bench, earlier, seen, |bench, earlier, seen| {
                let (earlier, seen, _tries) = leak::shrink_leak(bench, earlier, seen, stop)?;
                Ok((earlier, seen))
            })
        } else {
            self.tell(bench, Vec::new(), seen, |bench, earlier, seen| {
                let (seen, _tries) = leak::shrink_unsteady(bench, seen, stop)?;
                Ok((earlier, seen))
            })
        }
    }

    /// Writes what was confirmed, shrinks it, writes it again and tells.
    fn tell(
        &mut self,
        bench: &mut Bench<'_>,
        earlier: Vec<Session>,
        seen: Seen,
        shrink: impl FnOnce(&mut Bench<'_>, Vec<Session>, Seen) -> Result<(Vec<Session>, Seen), RuntimeError>,
    ) -> Result<(), EngineError> {
        // Shrinking takes its time, and the host can be killed meanwhile.
        self.kept(self.corpus.write(&bench.plan.case(&earlier, &seen.session, &seen.finding)));
        let (earlier, seen) = if self.stop.requested() { (earlier, seen) } else { shrink(bench, earlier, seen)? };
        let mut reported = Reported {
            occurrences: 0,
            case: Some(bench.plan.case(&earlier, &seen.session, &seen.finding)),
            case_path: None,
            call: call_of(&seen),
            finding: seen.finding,
            group: 0,
            every_session: false,
        };
        self.settle(bench, &mut reported)?;
        if let Some(reported) = self.ledger.confirm(reported) {
            (self.listen)(Event::Found(Box::new(reported)));
        }
        Ok(())
    }

    /// Writes the final case. Where an older one that is smaller keeps the place, that one is told if it still shows the
    /// finding; if it does not, ours lies beside it: the file that a report names must show what the report says.
    fn settle(&mut self, bench: &mut Bench<'_>, reported: &mut Reported) -> Result<(), EngineError> {
        let Some(case) = &reported.case else { return Ok(()) };
        reported.case_path = self.kept(self.corpus.write(case));
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
            Rule::StateLeak => leak::leak_again(bench, &older.earlier, &older.session, &reported.finding)?,
            Rule::Nondeterministic => leak::steady(bench, &older.session)?,
            _ => bench.confirm(&older.session, &reported.finding)?,
        };
        if let Some(seen) = shown
            && seen.finding.fingerprint == reported.finding.fingerprint
            && class(&seen.finding) <= class(&reported.finding)
        {
            reported.call = call_of(&seen);
            reported.finding = seen.finding;
            reported.case = Some(older);
            return Ok(());
        }
        reported.case_path = self.kept(self.corpus.write_beside(case));
        Ok(())
    }

    /// The file that was written. Where it could not be, the finding is told without one, and the campaign ends: what it
    /// would find from now on would only be in memory.
    fn kept(&mut self, written: Result<PathBuf, CorpusError>) -> Option<PathBuf> {
        written
            .inspect_err(|error| {
                self.ledger.unwritten.get_or_insert_with(|| error.to_string());
                self.stop.request();
            })
            .ok()
    }
}

/// The call that shows the finding.
pub(super) fn call_of(seen: &Seen) -> Option<crate::trace::CallTrace> {
    seen.finding.call.and_then(|call| seen.trace.calls.get(call)).cloned()
}
