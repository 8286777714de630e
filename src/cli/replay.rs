//! `hookstorm replay`: every case of a corpus, isolated, and what became of each.

use super::{
    arguments::{Color, ReplayArguments},
    cases,
    console::Console,
    error::{CliError, status},
    prepare::prepare,
    seams,
    settings::{Amount, Settings},
};
use crate::report::{progress::Progress, text};

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
    let cases = cases::of_corpus(&prepared.settings.corpus, &job.corpus, &arguments.cases, job.target.plugin_type)?;
    let planned = cases.len() as u64;

    let stop = prepared.interrupts.stop();
    let progress = Progress::new(!console.is_quiet, console.has_colourful_errors(), console.width());
    let ended = seams::replay(&job, cases, &stop, &|event| progress.listen(&event));
    progress.finish();
    let seams::ReplayedAll { results, summary } = ended?;
    let Settings { again, baseline, .. } = &prepared.settings;
    let (again, baseline) = (again.clone(), baseline.clone());
    let is_failure = results.iter().any(|one| one.is_failure(&baseline));
    let shown = text::replayed(&results, &again, &baseline, summary.elapsed, summary.interrupted, console.width());
    let summary = prepared.summary(summary);
    let told = prepared.tell(
        &summary,
        Some(planned),
        console,
        |report| report.with_replayed(&results, &again, &baseline, prepared.source()),
        shown,
    )?;
    Ok(if is_failure { status::FINDINGS } else { told })
}
