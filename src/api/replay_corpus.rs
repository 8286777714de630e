//! [`replay`] and its options.

use std::path::PathBuf;

use super::{Error, Event, Partition, Plugin, corpus_cases::read_cases, exchange, loaded_plugin::SessionExtras};
use crate::{
    corpus::remote::{CorpusLocation, SyncScope},
    engine::{self, ReplayOutcome, ReplayedCase, Stop, Summary},
    report::{History, Report},
};

/// How many cases outside of the contract are named.
const OUTSIDE_LIMIT: usize = 5;

/// Which cases [`replay`] runs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReplayOptions {
    pub(crate) cases: Vec<PathBuf>,
    pub(crate) partition: Option<Partition>,
}

impl ReplayOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs the case in this file, `-` for standard input; may be called several times \[default: all cases of the
    /// corpus\].
    #[must_use]
    pub fn case(mut self, file: impl Into<PathBuf>) -> Self {
        self.cases.push(file.into());
        self
    }

    /// Runs only this part of the cases, sorted by path, to divide a corpus among machines \[default: all\].
    #[must_use]
    pub fn partition(mut self, partition: Partition) -> Self {
        self.partition = Some(partition);
        self
    }
}

/// Runs every case again, each in fresh processes, and reports its outcome: whether a defect is still there, is fixed,
/// or shows as another one.
///
/// ```no_run
/// use hookstorm::{Event, Plugin, PluginOptions, ReplayOptions, Stop};
///
/// let plugin = Plugin::open("examples/faulty-store", PluginOptions::new().corpus("target/cases"))?;
/// let report = hookstorm::replay(&plugin, &ReplayOptions::new(), &Stop::default(), &|_: Event| {})?;
/// assert!(!report.is_failure(), "{}", report.to_json());
/// # Ok::<(), hookstorm::Error>(())
/// ```
///
/// # Errors
/// [`Error`] if a case or the corpus cannot be read, or if a worker fails.
pub fn replay(
    plugin: &Plugin,
    options: &ReplayOptions,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<Report, Error> {
    let Some(loaded) = plugin.runnable() else { return plugin.report_of_no_run("replay", None) };
    let mut notes = Vec::new();
    let mut cases = if options.cases.is_empty() {
        // Replay adds nothing to the corpus, so the exchange ends before it: it fetches cases and sends those that
        // wait.
        notes = exchange::with_exchange(plugin, SyncScope::FolderOrAll, stop, listen, |_| Ok(()))?.1;
        match &plugin.options.corpus {
            CorpusLocation::Bucket(bucket) if !plugin.options.corpus_folder().is_dir() => {
                return Err(Error::EmptyBucket(bucket.clone()));
            }
            _ => plugin.cases()?,
        }
    } else {
        read_cases(&options.cases, loaded.target.plugin_type)?
    };
    if let Some(partition) = options.partition {
        cases = partition.members(cases);
    }
    let history = History::default();
    let heard = |event: engine::Event| {
        history.listen(&event);
        listen(Event::Run(event));
    };
    let outside: Vec<String> = cases
        .iter()
        .filter(|(_, case)| case.plugin_type == loaded.target.plugin_type)
        .filter_map(|(path, case)| Some((path, loaded.outside_contract(case)?)))
        .map(|(path, why)| format!("`{}` is outside of the contract: {why}", path.display()))
        .collect();
    notes.extend(outside.iter().take(OUTSIDE_LIMIT).cloned());
    if let Some(more @ 1..) = outside.len().checked_sub(OUTSIDE_LIMIT) {
        notes.push(format!("{more} more cases are outside of the contract; `hookstorm run --case` says why"));
    }
    let levels = &plugin.options.levels;
    let jobs = plugin.options.jobs;
    let done =
        loaded.with_plan(levels, SessionExtras::default(), |plan| engine::replay(plan, cases, jobs, stop, &heard))?;
    let ran: Vec<&ReplayedCase> = done.replayed.iter().filter(|case| did_run(case)).collect();
    let summary = Summary {
        sessions: ran.len() as u64,
        calls: ran.iter().map(|one| one.case.session.calls.len() as u64).sum(),
        elapsed: done.elapsed,
        interrupted: done.interrupted,
        notes,
        ..Summary::default()
    };
    let mut report = plugin.report("replay", None, summary);
    plugin.with_context(|context| report.add_replayed(&done.replayed, levels, context));
    report.add_history(&history);
    Ok(report)
}

fn did_run(case: &ReplayedCase) -> bool {
    !matches!(case.outcome, ReplayOutcome::OtherType | ReplayOutcome::WantsOther | ReplayOutcome::NotRun)
}
