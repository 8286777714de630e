//! `hookstorm minimize`: shrinks one case, or removes from a corpus the cases that add nothing. It replaces a case in one
//! step, so that either the old or the new file is there.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};

use super::{
    arguments::{CASES, Color, Common, Plugin, With},
    cases,
    console::Console,
    error::CliError,
    prepare::prepare,
    seams,
    settings::{Amount, Settings},
};
use crate::{case::Case, engine::Summary, report::MinimizedCase};

#[derive(Debug, Args)]
pub(super) struct MinimizeArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Case to shrink, a JSON file; the smaller case replaces it [default: the whole corpus]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "corpus", help_heading = CASES)]
    case: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &MinimizeArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    let read = arguments.case.as_deref().map(|path| Ok((path, cases::read(path)?))).transpose()?;
    let mut common = arguments.common.clone();
    common.platform = common.platform.or(read.as_ref().map(|(_, case)| case.platform));
    let plugin = &arguments.plugin.plugin;
    let settings = Settings::new(plugin, &common, &With::default(), Amount::default(), color)?;
    if let (Some(bucket), None) = (&settings.bucket, &read) {
        return Err(CliError::usage(
            format!("`minimize` takes cases out of a corpus, and nothing is ever taken out of `{bucket}`"),
            format!(
                "have a copy of it with `hookstorm replay PLUGIN --corpus {bucket} --corpus-cache DIR`, minimize DIR, and \
                 let the next runs share another prefix"
            ),
        ));
    }
    let console = Console { color: settings.color, ..console };
    let configuration = read.as_ref().and_then(|(_, case)| case.configuration.clone());
    let mut prepared = prepare("minimize", settings, None, configuration, console)?;
    let job = match prepared.runnable(console)? {
        Ok(job) => job,
        Err(status) => return Ok(status),
    };
    let stop = prepared.interrupts.stop();
    let results = match read {
        Some((path, case)) => {
            cases::must_be_of(&case, path, job.target.plugin_type)?;
            let small = seams::minimize_case(&job, &case, &stop)?;
            if small != case {
                replace(path, &small)?;
            }
            vec![MinimizedCase::shrunk(path, &case, &small)]
        }
        None => {
            let cases = cases::of_corpus(&prepared.settings.corpus, &job.corpus, &[], job.target.plugin_type)?;
            let seeds = seams::read_seeds(&job.corpus)?;
            let superfluous = seams::superfluous(&job, &cases, &seeds, &stop)?;
            take_out(&[cases, seeds].concat(), superfluous)?
        }
    };
    let mut report = prepared.report(Summary { interrupted: stop.requested(), ..Summary::default() });
    report.minimized = Some(results);
    prepared.print(&report, console)
}

/// Removes superfluous cases from the corpus, and says what happened to each case.
fn take_out(cases: &[(PathBuf, Case)], superfluous: Vec<(PathBuf, String)>) -> Result<Vec<MinimizedCase>, CliError> {
    for (path, _) in &superfluous {
        fs::remove_file(path).map_err(|source| CliError::File { path: path.clone(), doing: "removed", source })?;
    }
    let one = |(path, case): &(PathBuf, Case)| match superfluous.iter().find(|(known, _)| known == path) {
        Some((_, reason)) => MinimizedCase::removed(path, case, reason),
        None => MinimizedCase::shrunk(path, case, case),
    };
    Ok(cases.iter().map(one).collect())
}

/// Puts `case` in the place of the file at `path`: through a file beside it, so that either the old or the new one is
/// there, whatever happens.
fn replace(path: &Path, case: &Case) -> Result<(), CliError> {
    let failed = |source| CliError::File { path: path.to_owned(), doing: "written", source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".hookstorm-").tempfile_in(folder).map_err(failed)?;
    file.write_all(case.to_file().as_bytes()).map_err(failed)?;
    if let Ok(metadata) = path.metadata() {
        file.as_file().set_permissions(metadata.permissions()).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
