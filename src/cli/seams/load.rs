//! Where `load` meets the rooms that do its work.

use std::sync::Arc;

use super::{Job, corpus_error, engine_error, runtime_error};
use crate::{
    case::Session,
    cli::error::CliError,
    corpus::Corpus,
    engine::Stop,
    load::{
        self, GeneratedWorkload, LoadEvent, LoadExecutor, LoadRun, LoadSettings, LoadSummary, RecordedWorkload,
        Workload,
    },
    package::ScratchFolder,
    runtime::{RuntimeError, Server, Target},
};

/// Which sessions a load run has.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Sessions {
    /// Made: everyday ones, or those of `test`.
    Made { are_nominal: bool },
    /// Those, over and over.
    Recorded(Vec<Session>),
}

/// Runs sessions by a schedule, or looks for the rate that the plugin carries.
pub(in crate::cli) fn load_run(
    job: &Job,
    settings: &LoadSettings,
    is_search: bool,
    sessions: Sessions,
    stop: &Stop,
    listen: &(dyn Fn(LoadEvent) + Sync),
) -> Result<LoadSummary, CliError> {
    let corpus = Corpus::open(&job.corpus).map_err(|error| corpus_error(&error))?;
    corpus.must_be_writable().map_err(|error| corpus_error(&error))?;
    let state = ScratchFolder::new()
        .map_err(|source| runtime_error(RuntimeError::Scratch { path: std::env::temp_dir(), source }))?;
    // Lines are not counted: it would be part of what is measured.
    let target = Arc::new(Target { coverage: false, ..Target::clone(&job.target) });
    let start = || Ok(Box::new(Server::start(&target, state.path())?) as Box<dyn LoadExecutor>);
    job.plan(Vec::new(), |plan| {
        let recorded;
        let made;
        let workload: &dyn Workload = match sessions {
            Sessions::Made { are_nominal } => {
                made = GeneratedWorkload { source: plan.source, seed: settings.seed, are_nominal };
                &made
            }
            Sessions::Recorded(sessions) => {
                recorded = RecordedWorkload::new(sessions).expect("there is a session, or an error before");
                &recorded
            }
        };
        let load = LoadRun { plan, start: &start, workload, state: state.path(), corpus: &corpus, stop, listen };
        load::load(&load, settings, is_search)
    })
    .map_err(engine_error)
}
