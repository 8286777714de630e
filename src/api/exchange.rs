//! A run on a corpus that may be in a bucket: fetches the cases of other hosts, exchanges cases while it runs, and
//! sends the rest at its end. If the corpus is a folder, there is no thread and no connection.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use super::{Error, Event, Plugin};
use crate::{
    corpus::{
        Corpus,
        remote::{BackgroundSync, CorpusLocation, SharedCorpus, SyncCount, SyncScope},
    },
    engine::{self, Stop, Summary},
    report::{History, Report, plain},
};

/// The exchange with a bucket, if there is one.
pub(super) struct Exchange<'a> {
    sync: Option<&'a BackgroundSync>,
}

impl Exchange<'_> {
    /// The cases of other hosts.
    pub(super) fn others(&self) -> Option<Arc<SharedCorpus>> {
        self.sync.map(BackgroundSync::shared)
    }

    /// Sends a new finding to the bucket at once.
    pub(super) fn listen(&self, event: &engine::Event) {
        if let (Some(sync), engine::Event::Found(_)) = (self.sync, event) {
            sync.found();
        }
    }
}

/// Stops the exchange even if a run panics: otherwise its thread would wait for ever.
struct StopOnDrop(Option<BackgroundSync>);

impl StopOnDrop {
    fn get(&self) -> &BackgroundSync {
        self.0.as_ref().expect("it is there until it is stopped")
    }

    fn stop(mut self) -> SyncCount {
        self.0.take().expect("it is there until it is stopped").stop()
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(sync) = self.0.take() {
            sync.stop();
        }
    }
}

/// Calls `work` while the exchange goes on. Returns what it returned, and notes for the report.
///
/// # Errors
/// [`Error::Bucket`] if the bucket refuses at the beginning: the user asked for a shared corpus, so the run must not
/// begin without it.
pub(super) fn with_exchange<T>(
    plugin: &Plugin,
    scope: fn(String) -> SyncScope,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
    work: impl FnOnce(&Exchange<'_>) -> Result<T, Error>,
) -> Result<(T, Vec<String>), Error> {
    let CorpusLocation::Bucket(bucket) = &plugin.options.corpus else {
        return Ok((work(&Exchange { sync: None })?, Vec::new()));
    };
    let folder = plugin.cases.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let copy = plugin.options.corpus_folder();
    // The exchange has a thread that may not borrow the listener, so its events come through a channel.
    thread::scope(|threads| {
        let (sender, events) = mpsc::channel();
        threads.spawn(move || events.into_iter().for_each(|event| listen(Event::Sync(bucket.clone(), event))));
        let sync =
            BackgroundSync::start(bucket, copy.clone(), scope(folder), plugin.options.sync_every, move |event| {
                // The receiver lives until this sender is dropped.
                let _ = sender.send(event);
            })?;
        let sync = StopOnDrop(Some(sync));
        sync.get().first(|| stop.requested())?;
        let done = work(&Exchange { sync: Some(sync.get()) });
        // What was found before a failure goes to the others all the same.
        let count = sync.stop();
        let SyncCount { skipped, unsent, .. } = count;
        listen(Event::Synced(bucket.clone(), count));
        let mut notes = Vec::new();
        if unsent > 0 {
            notes.push(format!(
                "{} of this host may not be in `{bucket}` yet: they are in `{}`, and the next run with this corpus and this \
                 copy sends them",
                plain::counted(unsent as u64, "case"),
                copy.display(),
            ));
        }
        if skipped > 0 {
            let objects = plain::counted(skipped as u64, "object");
            notes.push(format!("ignored {objects} in `{bucket}` that cannot be a case"));
        }
        Ok((done?, notes))
    })
}

/// Runs `work`, which finds and keeps cases, and makes its report. `planned` is the number of sessions, if it is known.
pub(super) fn run(
    command: &str,
    plugin: &Plugin,
    seed: Option<u64>,
    planned: Option<u64>,
    stop: &Stop,
    listen: &(dyn Fn(Event) + Sync),
    work: impl FnOnce(Option<Arc<SharedCorpus>>, &(dyn Fn(engine::Event) + Sync)) -> Result<Summary, Error>,
) -> Result<Report, Error> {
    let (done, notes) = with_exchange(plugin, SyncScope::Folder, stop, listen, |exchange| {
        let history = History::default();
        let heard = |event: engine::Event| {
            history.listen(&event);
            exchange.listen(&event);
            listen(Event::Run(event));
        };
        Ok((work(exchange.others(), &heard)?, history))
    })?;
    let (mut summary, history) = done;
    summary.notes.extend(notes);
    let unsaved = summary.unwritten.take();
    let mut report = plugin.report(command, seed, summary);
    report.planned = planned;
    report.add_history(&history);
    match unsaved {
        None => Ok(report),
        Some(source) => Err(Error::Unsaved { report: Box::new(report), source }),
    }
}

impl Plugin {
    /// The corpus of this plugin.
    ///
    /// # Errors
    /// [`Error::Corpus`] if it cannot be written, before anything runs.
    pub(super) fn writable_corpus(&self) -> Result<Corpus, Error> {
        let corpus = Corpus::open(&self.cases)?;
        corpus.must_be_writable()?;
        Ok(corpus)
    }
}
