//! [`shrink_case`] and [`minimize_corpus`]: replaces a case by a smaller one, or removes the cases of a corpus that add
//! nothing.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{Error, FileAction, NotShrinkable, Plugin, loaded_plugin::SessionExtras};
use crate::{
    case::Case,
    engine::{self, Cases, RemovalReason, ShrinkOutcome, Stop, Summary},
    report::{MinimizedCase, Report},
};

/// Shrinks `case`, which was read from `path`, and replaces the file.
pub(crate) fn shrink_case(plugin: &Plugin, path: &Path, case: &Case, stop: &Stop) -> Result<Report, Error> {
    let Some(loaded) = plugin.runnable() else { return plugin.report_of_no_run("minimize", None) };
    let began = Instant::now();
    plugin.must_suit(case, path)?;
    let (levels, jobs) = (&plugin.options.levels, plugin.options.jobs);
    let shrunk =
        loaded.with_plan(levels, SessionExtras::default(), |plan| engine::shrink_case(plan, case, jobs, stop))?;
    let small = match shrunk {
        ShrinkOutcome::Done(small) => small.case,
        ShrinkOutcome::NoFinding(_) => return Err(Error::NotShrinkable(NotShrinkable::NoFinding)),
        ShrinkOutcome::ShowsNothing(_) => return Err(Error::NotShrinkable(NotShrinkable::ShowsNothing)),
        ShrinkOutcome::OtherType => return Err(Error::NotShrinkable(NotShrinkable::Type(case.plugin_type))),
        ShrinkOutcome::WantsOther => return Err(Error::NotShrinkable(NotShrinkable::SecondPlugin)),
    };
    if small != *case {
        replace(path, &small)?;
    }
    Ok(plugin.report_of_minimized(vec![MinimizedCase::shrunk(path, case, &small)], began, stop))
}

/// Removes the cases of the corpus that add nothing.
pub(crate) fn minimize_corpus(plugin: &Plugin, stop: &Stop) -> Result<Report, Error> {
    let Some(loaded) = plugin.runnable() else { return plugin.report_of_no_run("minimize", None) };
    let began = Instant::now();
    let (cases, seeds) = (plugin.cases()?, plugin.seeds()?);
    let (levels, jobs) = (&plugin.options.levels, plugin.options.jobs);
    let all = Cases { tests: &cases, seeds: &seeds };
    let removed = loaded
        .with_plan(levels, SessionExtras::default(), |plan| engine::minimize_corpus(plan, all, true, jobs, stop))?;
    let removed: Vec<(PathBuf, String)> = removed.into_iter().map(|(path, reason)| (path, text(&reason))).collect();
    for (path, _) in &removed {
        fs::remove_file(path).map_err(|source| Error::File {
            path: path.clone(),
            action: FileAction::Remove,
            source,
        })?;
    }
    let minimized =
        cases.iter().chain(&seeds).map(|(path, case)| match removed.iter().find(|(removed, _)| removed == path) {
            Some((_, reason)) => MinimizedCase::removed(path, case, reason),
            None => MinimizedCase::shrunk(path, case, case),
        });
    Ok(plugin.report_of_minimized(minimized.collect(), began, stop))
}

impl Plugin {
    fn report_of_minimized(&self, cases: Vec<MinimizedCase>, began: Instant, stop: &Stop) -> Report {
        let elapsed = self.opening + began.elapsed();
        let summary = Summary { elapsed, interrupted: stop.requested(), ..Summary::default() };
        let mut report = self.report("minimize", None, summary);
        report.minimized = Some(cases);
        report
    }
}

/// Why a case was removed.
fn text(reason: &RemovalReason) -> String {
    match reason {
        RemovalReason::SmallerShowsIt(other) => format!("`{}` shows the same and is smaller", other.display()),
        RemovalReason::SameAs(other) => format!("it is the same as `{}`", other.display()),
        RemovalReason::NothingNew => "the cases that stay run all code that it runs".into(),
    }
}

/// Replaces the file at `path` in one step, through a file beside it, so that a failure leaves the old one.
fn replace(path: &Path, case: &Case) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.to_owned(), action: FileAction::Write, source };
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
