//! A corpus with only the cases that matter: [`minimize_corpus`]. What is left shows every finding, and runs all that
//! seeds and cases without a finding ran.
//!
//! What a case runs is seen in a worker whose plugin is instrumented, and findings are seen in one that is not, as
//! everywhere. Coverage is told apart by what a case wants: what ran on another platform or with another configuration is
//! something else. A seed may be covered by a test, but a test never by a seed, which `replay` does not run; and a session
//! that sets no options never by one that does, which `fuzz` does not run without `--vary-config`.

mod set_cover;

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use set_cover::{Piece, smallest};

use crate::{
    case::Case,
    corpus::size,
    engine::{
        EngineError, Plan, Setup, Stop,
        exclusive_run::ExclusiveRun,
        fuzz::{Feature, features, is_aborted},
        reproducer::{Reproducer, timed_out},
        run_case::examine,
    },
    trace::{Instrumentation, Observation},
};

/// Why a case need not stay in its corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemovalReason {
    /// This one shows the same finding and is smaller.
    SmallerShowsIt(PathBuf),
    /// This one is the same.
    SameAs(PathBuf),
    /// It shows no finding, and those that stay run all that it runs.
    NothingNew,
}

/// The cases of a corpus.
#[derive(Clone, Copy, Debug)]
pub struct Cases<'a> {
    /// Those that `replay` runs.
    pub tests: &'a [(PathBuf, Case)],
    /// What `fuzz` learned.
    pub seeds: &'a [(PathBuf, Case)],
}

impl<'a> Cases<'a> {
    fn get(self, index: usize) -> &'a (PathBuf, Case) {
        self.tests.get(index).unwrap_or_else(|| &self.seeds[index - self.tests.len()])
    }

    fn len(self) -> usize {
        self.tests.len() + self.seeds.len()
    }

    /// What may stand for what: a case for another, if this has no bit that the other has not.
    fn rank(self, index: usize) -> usize {
        let has_options = !self.get(index).1.session.options.is_empty();
        usize::from(index >= self.tests.len()) << 1 | usize::from(has_options)
    }
}

/// How many classes there are.
const CLASSES: usize = 4;

/// Something that a case ran or showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Thing {
    Edge { number: u32, bucket: u8 },
    ReplayOutcome(Feature),
    Line(usize, u32),
}

/// What is to become of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes(RemovalReason),
    /// It stays only if what it runs is wanted.
    IfWanted,
}

/// Says which cases need not stay, in the order in which they were given, tests first; the caller removes them.
///
/// Cases of another type, cases whose finding is not seen now and cases that run out of time stay: they are no waste, they
/// are history, or depend on the machine. Of the others the smallest that shows a finding stays. Of the rest a small set
/// stays that runs, with the former, all that they ran: the same edges, as often, with the same outcomes. Where
/// nothing could be instrumented, lines stand for edges. Without `by_coverage` nothing is taken out for that.
///
/// # Errors
/// [`EngineError::Runtime`] where the runtime failed, not the plugin.
pub fn minimize_corpus(
    plan: &Plan<'_>,
    cases: Cases<'_>,
    by_coverage: bool,
    stop: &Stop,
) -> Result<Vec<(PathBuf, RemovalReason)>, EngineError> {
    // The order in which cases are liked.
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_cached_key(|&index| (cases.rank(index), size(&cases.get(index).1), cases.get(index).0.clone()));
    let mut fates = by_findings(plan, cases, &order, stop)?;
    if by_coverage {
        let ran = watch(plan, cases, &order, &fates, stop)?;
        by_what_runs(cases, &order, &ran, &mut fates);
    }
    let reason = |(index, fate)| match fate {
        Fate::Goes(reason) => Some((cases.get(index).0.clone(), reason)),
        Fate::Stays | Fate::IfWanted => None,
    };
    Ok(fates.into_iter().enumerate().filter_map(reason).collect())
}

fn can_run(plan: &Plan<'_>, case: &Case) -> bool {
    case.plugin_type == (plan.subject)(&Setup::default()).plugin_type && !plan.lacks_other(case)
}

/// Finds what is the same as another, and what shows a finding that a smaller one shows.
fn by_findings(plan: &Plan<'_>, cases: Cases<'_>, order: &[usize], stop: &Stop) -> Result<Vec<Fate>, EngineError> {
    let exclusive = ExclusiveRun::default();
    let mut fates = vec![Fate::Stays; cases.len()];
    let mut contents: HashMap<String, usize> = HashMap::new();
    let mut shown: HashMap<&str, usize> = HashMap::new();
    let mut reproducer: Option<(Setup, Reproducer<'_>)> = None;
    for &index in order {
        let (_, case) = cases.get(index);
        let text = case.to_json();
        if let Some(&same) = contents.get(&text) {
            fates[index] = Fate::Goes(RemovalReason::SameAs(cases.get(same).0.clone()));
            continue;
        }
        contents.insert(text, index);
        let Some(found) = &case.found else {
            fates[index] = Fate::IfWanted;
            continue;
        };
        if stop.requested() || !can_run(plan, case) {
            continue;
        }
        // A corpus has few setups, and one worker at a time is enough.
        let setup = Setup::of(case);
        let reproducer = match &mut reproducer {
            Some((known, reproducer)) if *known == setup => reproducer,
            other => &mut other.insert((setup.clone(), Reproducer::start(plan, &setup, &exclusive)?)).1,
        };
        let (_, findings) = examine(reproducer, case)?;
        if !findings.iter().any(|finding| finding.fingerprint.as_str() == found.fingerprint) {
            continue;
        }
        match shown.get(found.fingerprint.as_str()) {
            Some(&smaller) => {
                fates[index] = Fate::Goes(RemovalReason::SmallerShowsIt(cases.get(smaller).0.clone()));
            }
            None => {
                shown.insert(&found.fingerprint, index);
            }
        }
    }
    Ok(fates)
}

/// What a case runs and shows, and which of the setups it wants. `None` for one that says nothing: it did not run, or ran
/// out of time.
type Ran = Option<(usize, HashSet<Thing>)>;

/// Runs the cases, and says what each runs.
fn watch(
    plan: &Plan<'_>,
    cases: Cases<'_>,
    order: &[usize],
    fates: &[Fate],
    stop: &Stop,
) -> Result<Vec<Ran>, EngineError> {
    let mut ran: Vec<Ran> = vec![None; cases.len()];
    let mut setups: Vec<(Setup, Vec<usize>)> = Vec::new();
    for &index in order {
        let case = &cases.get(index).1;
        if matches!(fates[index], Fate::Goes(_)) || !can_run(plan, case) {
            continue;
        }
        let setup = Setup::of(case);
        match setups.iter_mut().find(|(known, _)| *known == setup) {
            Some((_, indices)) => indices.push(index),
            None => setups.push((setup, vec![index])),
        }
    }
    let exclusive = ExclusiveRun::default();
    for (number, (setup, mut indices)) in setups.into_iter().enumerate() {
        let mut runner = (plan.workers)(&Setup { instrument: true, ..setup.clone() })?;
        let is_instrumented = runner.instrumented() > 0;
        let mut reproducer = None;
        if !is_instrumented {
            let mut lines = Reproducer::start(plan, &setup, &exclusive)?;
            lines.watch_lines();
            reproducer = Some(lines);
            // Lines are told only as they become more, so those that stay anyway come first.
            indices.sort_by_key(|&index| fates[index] != Fate::Stays);
        }
        let mut known: HashSet<(usize, u32)> = HashSet::new();
        for index in indices {
            if stop.requested() {
                break;
            }
            let session = &cases.get(index).1.session;
            let (trace, mut things) = match &mut reproducer {
                None => {
                    let watched = runner.run_observed(std::slice::from_ref(session), Instrumentation::Comparisons)?;
                    let Observation { trace, edges, .. } = watched.into_iter().next().unwrap_or_default();
                    let thing = |edge: &crate::trace::Edge| Thing::Edge { number: edge.number, bucket: edge.bucket };
                    (trace, edges.iter().map(thing).collect::<HashSet<Thing>>())
                }
                Some(reproducer) => {
                    let trace = reproducer.isolated(session)?;
                    let new = reproducer.lines_hit().into_iter().filter(|line| known.insert(*line));
                    (trace, new.map(|(file, line)| Thing::Line(file, line)).collect())
                }
            };
            if timed_out(&trace) {
                // What it runs until then depends on the machine.
                continue;
            }
            // What ends broken is kept by `fuzz` for what it ran alone.
            if !is_aborted(&trace) {
                things.extend(features(session, &trace).into_iter().map(Thing::ReplayOutcome));
            }
            ran[index] = Some((number, things));
        }
    }
    Ok(ran)
}

/// Chooses those that stay for what they run.
fn by_what_runs(cases: Cases<'_>, order: &[usize], ran: &[Ran], fates: &mut [Fate]) {
    // Each thing that is wanted, for each class that wants it.
    let mut numbers: HashMap<(usize, usize, Thing), usize> = HashMap::new();
    for &index in order {
        let Some((setup, things)) = &ran[index] else { continue };
        for thing in things {
            let number = numbers.len();
            numbers.entry((cases.rank(index), *setup, *thing)).or_insert(number);
        }
    }
    let piece = |&index: &usize| {
        let class = cases.rank(index);
        let mut piece = Piece { is_fixed: fates[index] == Fate::Stays, covers: Vec::new() };
        if let Some((setup, things)) = &ran[index] {
            for wanting in (0..CLASSES).filter(|wanting| class & wanting == class) {
                piece.covers.extend(things.iter().filter_map(|thing| numbers.get(&(wanting, *setup, *thing)).copied()));
            }
        }
        piece
    };
    let pieces: Vec<Piece> = order.iter().map(piece).collect();
    let stays = smallest(&pieces, numbers.len());
    for (&index, stays) in order.iter().zip(stays) {
        if !stays && ran[index].is_some() && fates[index] == Fate::IfWanted {
            fates[index] = Fate::Goes(RemovalReason::NothingNew);
        }
    }
}

#[cfg(test)]
mod tests;
