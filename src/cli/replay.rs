//! `hookstorm replay`: runs every case of a corpus again, isolated, and reports the outcome of each.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    arguments::{AMOUNT, Color, Common, Known, Plugin, With},
    cases,
    console::Console,
    error::CliError,
    prepare::prepare,
    seams,
    settings::{Amount, Settings},
    sharing::Sharing,
    values::{self, Partition},
};
use crate::{
    corpus::remote::SyncScope,
    report::{History, progress::Progress},
};

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Cases to run instead of the whole corpus
    #[arg(value_name = "CASE", value_hint = ValueHint::FilePath)]
    cases: Vec<PathBuf>,

    /// Run only this part of the cases, sorted by name, to divide a corpus among machines [default: 1/1]
    #[arg(long, value_name = "K/N", value_parser = values::partition, help_heading = AMOUNT)]
    partition: Option<Partition>,

    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    with: With,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &ReplayArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    let plugin = &arguments.plugin.plugin;
    let settings = Settings::new(plugin, &arguments.common, &arguments.with, Amount::default(), color)?
        .with_baseline(&arguments.known)?;
    let console = Console { color: settings.color, ..console };
    let mut prepared = prepare("replay", settings, None, None, console)?;
    let job = match prepared.runnable(console)? {
        Ok(job) => job,
        Err(status) => return Ok(status),
    };
    let stop = prepared.interrupts.stop();
    let progress = Progress::new(!console.is_quiet, console.has_colourful_errors(), console.width());
    // A replay finds nothing that others should have: the copy is made, and what waits in it is sent.
    let mut notes = Vec::new();
    if arguments.cases.is_empty() {
        let settings = &prepared.settings;
        notes = Sharing::begin(settings, &job, SyncScope::FolderOrAll, &stop, &progress, console)?.end();
        if let Some(bucket) = settings.bucket.as_ref().filter(|_| !settings.corpus.is_dir()) {
            return Err(CliError::usage(
                format!("there are no cases in `{bucket}`"),
                "`hookstorm test` keeps there what it finds; another corpus is named by `--corpus DIR|URL`",
            ));
        }
    }
    let mut cases = cases::of_corpus(&prepared.settings.corpus, &job.corpus, &arguments.cases, job.target.plugin_type)?;
    if let Some(partition) = arguments.partition {
        cases = partition.members(cases);
    }
    let history = History::default();
    let ended = seams::replay(&job, cases, &stop, &|event| {
        history.listen(&event);
        progress.listen(&event);
    });
    progress.finish();
    let seams::ReplayedAll { results, mut summary } = ended?;
    summary.notes.extend(notes);
    let mut report = prepared.report(summary);
    report.add_replayed(&results, &job.levels, prepared.context());
    report.add_history(&history);
    prepared.print(&report, console)
}
