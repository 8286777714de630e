//! [`explain`] gives every error of the library its message, hint and exit status on the command line. The `match` has
//! no wildcard, so that a new error needs a decision here.

use std::{fmt::Display, io, path::Path};

use super::{error::status, opened_plugin::ASK_DOCTOR};
use crate::{
    api::{self, FileAction, NotShrinkable, reason},
    corpus::{CorpusError, CorpusRemedy, remote::RemoteError},
    package::PackageError,
    report::plain,
    runtime::RuntimeError,
};

const GIVE_A_PLUGIN: &str = "name the plugin's `.zip`, or the folder that contains its MANIFEST";
/// The oldest Python 3 that hookstorm can be built with.
const OLDEST_MINOR: u32 = 9;
const SET_TMPDIR: &str = "set `TMPDIR` to another folder";
const TWO_PROGRAMS: &str = "install both programs of the same hookstorm side by side, and leave HOOKSTORM_WORKER unset";

/// An error as the command line reports it.
#[derive(Clone, Debug)]
pub(super) struct Explanation {
    pub(super) problem: String,
    pub(super) hint: Option<String>,
    pub(super) status: u8,
}

fn wrong_use(problem: impl Display, hint: impl Into<String>) -> Explanation {
    Explanation { problem: problem.to_string(), hint: Some(hint.into()), status: status::WRONG_USE }
}

fn our_failure(problem: impl Display, hint: impl Into<String>) -> Explanation {
    Explanation { problem: problem.to_string(), hint: Some(hint.into()), status: status::OUR_FAILURE }
}

pub(super) fn explain(error: &api::Error) -> Explanation {
    match error {
        api::Error::Package(error) => package(error),
        api::Error::SecondPlugin { path } => {
            let path = plain::shell_word(&path.to_string_lossy());
            wrong_use(error, format!("to see why: `hookstorm check {path}`"))
        }
        api::Error::WrongPython { python, .. } => wrong_use(
            error,
            match python.strip_prefix("3.").and_then(|minor| minor.parse::<u32>().ok()) {
                Some(minor) if minor >= OLDEST_MINOR => format!(
                    "build hookstorm with that Python: `PYO3_PYTHON=python{python} cargo build --release --locked`; \
                     `hookstorm check` still checks the package"
                ),
                _ => format!(
                    "hookstorm runs Python 3.{OLDEST_MINOR} or newer, so it can only check the package: `hookstorm \
                     check`"
                ),
            },
        ),
        api::Error::OnePluginOnly { .. } => wrong_use(error, "`hookstorm test` runs sessions of two plugins"),
        api::Error::Runtime(error) => runtime(error),
        api::Error::Threads { .. } => wrong_use(error, "use fewer workers: `--jobs N`"),
        api::Error::IncompleteSandbox { .. } => {
            wrong_use(error, format!("{ASK_DOCTOR}; `--sandbox on` continues without what is missing"))
        }
        api::Error::Unresolved { .. } => wrong_use(
            error,
            "hookstorm looks up names when the run begins; an address needs no look-up: `--allow-network \
             192.0.2.10:8200`",
        ),
        api::Error::File { path, action, source } => file(path, *action, source),
        api::Error::Case { .. } => wrong_use(error, "`hookstorm schema case` describes the form"),
        api::Error::CaseOfOtherType { .. } => {
            wrong_use(error, "use the plugin that the case was made for, or another case")
        }
        api::Error::NoCorpus(_) => {
            wrong_use(error, "`hookstorm test` creates one when it finds something; `--corpus DIR` sets another folder")
        }
        api::Error::CorpusIsFile(_) => wrong_use(error, "to run a single case: `hookstorm replay PLUGIN CASE`"),
        api::Error::EmptyBucket(_) => {
            wrong_use(error, "`hookstorm test` keeps its findings there; `--corpus DIR|URL` sets another corpus")
        }
        api::Error::Corpus(error) => Explanation { hint: corpus(error), ..wrong_use(error, "") },
        api::Error::Bucket(error) => Explanation { hint: bucket(error), ..wrong_use(error, "") },
        api::Error::ObjectiveWithoutHook { hooks, .. } => {
            let hooks: Vec<&str> = hooks.iter().map(|hook| hook.name()).collect();
            wrong_use(error, format!("it has {}", hooks.join(", ")))
        }
        api::Error::CaseNotForLoad { .. } => {
            wrong_use(error, "`hookstorm run PLUGIN --case FILE` runs a case with all that it needs")
        }
        api::Error::NoCaseForLoad(_) => wrong_use(
            error,
            "cases are left out if they show a defect, or need another configuration, platform or plugin, or sessions \
             before them; without `--corpus`, `load` runs nominal sessions",
        ),
        api::Error::NotShrinkable(reason) => match reason {
            NotShrinkable::NoFinding => wrong_use(
                error,
                "`hookstorm run PLUGIN --case FILE` shows its findings; a case that must show none needs no shrinking",
            ),
            NotShrinkable::ShowsNothing => wrong_use(
                error,
                "`hookstorm replay` shows its outcome; if you remove `found` from it, it is a regression test",
            ),
            NotShrinkable::Type(_) => wrong_use(error, "use the plugin that the case was made for, or another case"),
            NotShrinkable::SecondPlugin => wrong_use(error, "`minimize` shrinks cases of one plugin"),
        },
        api::Error::Unsaved { source, .. } => {
            let hint = corpus(source).unwrap_or_else(|| "use another folder: `--corpus DIR`".into());
            our_failure(
                format!(
                    "{source}; the run stopped there, and findings that are reported without a case were not saved"
                ),
                format!("{hint}; the same `--seed` finds them again"),
            )
        }
    }
}

fn package(error: &PackageError) -> Explanation {
    match error {
        PackageError::NoSuchFile { path } => {
            wrong_use(format!("`{}`: no such file or folder", path.display()), GIVE_A_PLUGIN)
        }
        PackageError::NotAPlugin { path, reason } => {
            wrong_use(format!("`{}`: this is not a plugin: {reason}", path.display()), GIVE_A_PLUGIN)
        }
        PackageError::Io { path, source } => file(path, FileAction::Read, source),
        PackageError::Scratch { archive, path, source } => wrong_use(
            format!("`{}`: it cannot be unpacked into `{}`: {}", archive.display(), path.display(), reason(source)),
            SET_TMPDIR,
        ),
    }
}

fn file(path: &Path, action: FileAction, source: &io::Error) -> Explanation {
    let problem = format!("`{}` cannot be {action}: {}", path.display(), reason(source));
    let is_missing = action == FileAction::Read && source.kind() == io::ErrorKind::NotFound && path.is_relative();
    let here = std::env::current_dir().ok().filter(|_| is_missing);
    let hint = here.map(|here| format!("hookstorm looked in the current folder, `{}`", here.display()));
    Explanation { problem, hint, status: status::WRONG_USE }
}

fn corpus(error: &CorpusError) -> Option<String> {
    error.remedy().map(|remedy| folder(remedy, "--corpus"))
}

/// What to do about a bucket, or about its local copy.
pub(super) fn bucket(error: &RemoteError) -> Option<String> {
    let of_copy = || error.remedy().map(|remedy| folder(remedy, "--corpus-cache"));
    error.hint().map(str::to_owned).or_else(of_copy)
}

/// What to do about a folder that `option` sets.
fn folder(remedy: CorpusRemedy, option: &str) -> String {
    match remedy {
        CorpusRemedy::NameFolder => format!("set the folder that contains the cases: `{option} DIR`"),
        CorpusRemedy::MakeWritable => {
            format!("make the folder writable for this user, or use another one: `{option} DIR`")
        }
        CorpusRemedy::FreeSpace => format!("make room on the disk, or use a folder on another one: `{option} DIR`"),
    }
}

fn runtime(error: &RuntimeError) -> Explanation {
    match error {
        RuntimeError::NoLibpython { version, .. } => wrong_use(
            error,
            format!(
                "install the shared library of Python {version} (Debian: `apt-get install libpython{version}`), or \
                 build hookstorm again with `PYO3_PYTHON` set to another interpreter; `hookstorm doctor` says more"
            ),
        ),
        RuntimeError::NoVenv(_) => {
            wrong_use(error, "set `--venv DIR` or `VIRTUAL_ENV` to a folder that `python3 -m venv` made")
        }
        RuntimeError::VenvVersion { version, .. } => wrong_use(
            error,
            format!(
                "make one with `python{version} -m venv DIR`, or build hookstorm again with `PYO3_PYTHON` set to the \
                 interpreter of that environment"
            ),
        ),
        RuntimeError::NoWorker(_) | RuntimeError::NoGuardian(_) => {
            our_failure(error, "install both programs of hookstorm, or build again")
        }
        RuntimeError::Program { path, source } => {
            our_failure(format!("the worker `{}` cannot be started: {}", path.display(), reason(source)), TWO_PROGRAMS)
        }
        RuntimeError::NotAWorker { .. } => our_failure(error, TWO_PROGRAMS),
        RuntimeError::Scratch { path, source } => {
            wrong_use(format!("no scratch folder can be made in `{}`: {}", path.display(), reason(source)), SET_TMPDIR)
        }
        RuntimeError::SessionTooLarge(_) => Explanation { hint: None, ..wrong_use(error, "") },
        RuntimeError::Died { .. } | RuntimeError::Stuck | RuntimeError::Reply(_) => {
            our_failure(error, "this is not a defect of the plugin: please report it as a defect of hookstorm")
        }
        RuntimeError::Start(_) | RuntimeError::NotLoaded => Explanation { hint: None, ..our_failure(error, "") },
    }
}
