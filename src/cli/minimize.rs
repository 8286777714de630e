//! `hookstorm minimize`: shrinks one case, or a corpus to the cases that matter. A case is replaced whole or not at all.

use std::{io::Write, path::Path};

use super::{
    arguments::{Color, MinimizeArguments, With},
    cases,
    console::Console,
    error::CliError,
    prepare::prepare,
    seams,
    settings::{Amount, Settings},
    signals,
};
use crate::{
    campaign::{Stop, Summary},
    case::Case,
    report::{Minimized, Size, progress::Progress, text},
};

pub(super) fn run(arguments: &MinimizeArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    let read = arguments.case.as_deref().map(|path| Ok((path, cases::read(path)?))).transpose()?;
    let mut common = arguments.common.clone();
    common.platform = common.platform.or(read.as_ref().map(|(_, case)| case.platform));
    let plugin = &arguments.plugin.plugin;
    let settings = Settings::new(plugin, &common, &With::default(), Amount::default(), color)?;
    let console = Console { color: settings.color, ..console };
    let configuration = read.as_ref().and_then(|(_, case)| case.configuration.clone());
    let mut prepared = prepare("minimize", settings, None, configuration, console)?;
    let job = match prepared.runnable(console)? {
        Ok(job) => job,
        Err(status) => return Ok(status),
    };
    let stop = Stop::default();
    signals::listen(&stop, console);
    let results = match read {
        Some((path, case)) => {
            let small = seams::minimize_case(&job, &case, &stop)?;
            if small != case {
                replace(path, &small)?;
            }
            vec![Minimized { path: path.to_owned(), before: Size::of(&case), after: Some(Size::of(&small)) }]
        }
        None => {
            let progress = Progress::new(!console.is_quiet, console.has_colourful_errors(), console.width());
            let ended = seams::minimize_corpus(&job, &stop, &|event| progress.listen(&event));
            progress.finish();
            ended?
        }
    };
    let elapsed = prepared.elapsed();
    let shown = text::minimized(&results, elapsed);
    let summary = prepared.summary(Summary { elapsed, interrupted: stop.requested(), ..Summary::default() });
    prepared.tell(&summary, None, console, |report| report.with_minimized(&results), shown)
}

/// Puts `case` in the place of the file at `path`: through a file beside it, so that either the old or the new one is
/// there, whatever happens.
fn replace(path: &Path, case: &Case) -> Result<(), CliError> {
    let failed = |source| CliError::File { path: path.to_owned(), doing: "written", source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".hookstorm-").tempfile_in(folder).map_err(failed)?;
    file.write_all(case.to_json().as_bytes()).map_err(failed)?;
    if let Ok(metadata) = path.metadata() {
        file.as_file().set_permissions(metadata.permissions()).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
