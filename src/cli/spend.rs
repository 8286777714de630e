//! What every command does that spends runs to find something: tells how it goes, shares what it finds, and reports in the
//! end. What it spends them on is handed in.

use std::sync::Arc;

use super::{console::Console, error::CliError, prepare::Prepared, seams::Job, sharing::Sharing};
use crate::{
    corpus::remote::{SharedCorpus, SyncScope},
    engine::{Event, Stop, Summary},
    report::{History, progress::Progress},
};

/// What a campaign is given beside its own settings.
pub(super) struct Ways<'a> {
    /// Asks it to end.
    pub(super) stop: &'a Stop,
    /// What other hosts find meanwhile, where the corpus is shared.
    pub(super) others: Option<Arc<SharedCorpus>>,
    /// Takes events.
    pub(super) listen: &'a (dyn Fn(Event) + Sync),
}

/// Runs `campaign` and reports; `planned` is how many sessions it was asked for. Gives the exit status.
pub(super) fn spend(
    prepared: &mut Prepared,
    job: &Job,
    progress: &Progress,
    planned: Option<u64>,
    console: Console,
    campaign: impl FnOnce(&Ways<'_>) -> Result<Summary, CliError>,
) -> Result<u8, CliError> {
    let stop = prepared.interrupts.stop();
    let sharing = Sharing::begin(&prepared.settings, job, SyncScope::Folder, &stop, progress, console)?;
    let stream = prepared.stream(console);
    let history = History::default();
    let listen = |event: Event| {
        history.listen(&event);
        progress.listen(&event);
        sharing.listen(&event);
        stream.listen(&event);
    };
    let ended = campaign(&Ways { stop: &stop, others: sharing.shared(), listen: &listen });
    progress.finish();
    // What was found before a failure goes to the others all the same.
    let notes = sharing.end();
    let mut summary = ended?;
    summary.notes.extend(notes);
    let unwritten = summary.unwritten.take();
    let mut report = prepared.report(summary);
    report.planned = planned;
    report.add_history(&history);
    let status = prepared.print(&report, console)?;
    unwritten.map_or(Ok(status), |problem| Err(CliError::unwritten(&problem)))
}
