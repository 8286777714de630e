//! [`enum@Error`]: why hookstorm could not do its work. A finding is not an error, and neither is a plugin that cannot
//! be loaded.

use std::{fmt, io, path::PathBuf, sync::Arc};

use thiserror::Error;

use super::AllowedDestination;
use crate::{
    case::CaseError,
    contract::{Hook, PluginType},
    corpus::{
        CorpusError,
        remote::{BucketUrl, RemoteError},
    },
    engine::EngineError,
    load::Objective,
    package::PackageError,
    report::Report,
    runtime::RuntimeError,
};

/// Why hookstorm could not do its work. What it had found until then is in the corpus.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The package cannot be opened.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The second plugin, of [`PluginOptions::with`](super::PluginOptions::with), cannot be run.
    #[error("`{}`: this second plugin cannot be run", .path.display())]
    SecondPlugin {
        /// Its path.
        path: PathBuf,
    },
    /// The plugin needs the platform's Python for an extension module, and the worker has another one.
    #[error(
        "`{file}` is built for Python {python}, as the platform has it, and hookstorm runs Python {running}: \
         nothing was tested"
    )]
    WrongPython {
        /// The extension module, as a path inside the package.
        file: String,
        /// The version that it needs: `3.12`.
        python: String,
        /// The version of the worker's Python: `3.11.7`.
        running: String,
    },
    /// A function that runs one plugin got a second one.
    #[error("`{function}` runs one plugin, and there is a second one")]
    OnePluginOnly {
        /// The function.
        function: &'static str,
    },
    /// A worker cannot be started, or failed through no fault of the plugin.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The system started no threads.
    #[error("cannot start {jobs} threads: {problem}")]
    Threads {
        /// The number of threads that the run needs.
        jobs: usize,
        /// The system's message.
        problem: String,
    },
    /// The machine lacks protections, and [`SandboxMode::Require`](crate::report::SandboxMode::Require) demands all.
    #[error("{missing}")]
    IncompleteSandbox {
        /// What is missing, and the risk of each, as a sentence.
        missing: String,
    },
    /// The name of an allowed destination does not resolve.
    #[error("`{destination}` cannot be allowed: `{host}` does not resolve: {}", lookup_reason(.source))]
    Unresolved {
        /// The destination.
        destination: AllowedDestination,
        /// Its host.
        host: String,
        /// The system's message.
        source: io::Error,
    },
    /// A file cannot be read, written or removed.
    #[error("`{}` cannot be {action}: {}", .path.display(), reason(.source))]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: FileAction,
        /// The system's message.
        source: io::Error,
    },
    /// A file is not a case.
    #[error("`{}` is not a case: {source}", .path.display())]
    Case {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: CaseError,
    },
    /// A case is for a plugin of another type.
    #[error("`{}` is a case for a plugin of type `{wanted}`, and this one is of type `{is}`", .path.display())]
    CaseOfOtherType {
        /// The case's file.
        path: PathBuf,
        /// The type that the case needs.
        wanted: PluginType,
        /// The plugin's type.
        is: PluginType,
    },
    /// The corpus does not exist.
    #[error("there is no corpus at `{}`", .0.display())]
    NoCorpus(PathBuf),
    /// The corpus is not a folder.
    #[error("`{}` is not a folder, but a corpus is one", .0.display())]
    CorpusIsFile(PathBuf),
    /// The bucket has no cases.
    #[error("there are no cases in `{0}`")]
    EmptyBucket(BucketUrl),
    /// The corpus cannot be read or written.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The bucket of the corpus cannot be used.
    #[error(transparent)]
    Bucket(#[from] RemoteError),
    /// `load`: an objective is about a hook that the plugin does not have.
    #[error("the objective `{objective}` is about a hook that this plugin does not have")]
    ObjectiveWithoutHook {
        /// The objective.
        objective: Objective,
        /// The plugin's hooks.
        hooks: Vec<Hook>,
    },
    /// `load`: a case cannot be run under load.
    #[error("`{}` cannot be run under load: {mismatch}", .path.display())]
    CaseNotForLoad {
        /// The case's file.
        path: PathBuf,
        /// Why not.
        mismatch: CaseMismatch,
    },
    /// `load`: no case of the corpus can be run under load.
    #[error("no case in `{}` can be run under load", .0.display())]
    NoCaseForLoad(PathBuf),
    /// A case cannot be shrunk.
    #[error("{0}")]
    NotShrinkable(NotShrinkable),
    /// A finding could not be saved, which ended the run. The report has what was found.
    #[error("{source}")]
    Unsaved {
        /// The report of the run.
        report: Box<Report>,
        /// Why it could not be saved.
        source: Arc<CorpusError>,
    },
}

/// What hookstorm tried to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FileAction {
    Read,
    Write,
    Remove,
}

impl fmt::Display for FileAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "written",
            Self::Remove => "removed",
        })
    }
}

/// Why a case cannot be run under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CaseMismatch {
    /// It is for a plugin of another type.
    #[error("it is for a plugin of another type")]
    Type,
    /// It has a configuration of its own.
    #[error("it has a configuration of its own")]
    Configuration,
    /// It is for another platform.
    #[error("it is for another platform")]
    Platform,
    /// It calls a second plugin.
    #[error("it calls a second plugin")]
    SecondPlugin,
    /// It needs sessions before it.
    #[error("it needs sessions before it")]
    EarlierSessions,
}

/// Why a case cannot be shrunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotShrinkable {
    /// It records no finding.
    #[error("this case records no finding, so there is nothing to preserve")]
    NoFinding,
    /// It no longer shows its finding.
    #[error("this case no longer shows its finding")]
    ShowsNothing,
    /// It is for a plugin of another type.
    #[error("this case is for a plugin of type `{0}`")]
    Type(PluginType),
    /// It calls a second plugin.
    #[error("some calls of this case go to a second plugin")]
    SecondPlugin,
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Runtime(error) => Self::Runtime(error),
            EngineError::Corpus(error) => Self::Corpus(error),
            EngineError::Threads { jobs, problem } => Self::Threads { jobs, problem },
        }
    }
}

/// The system's message without its number, in lower case.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

fn lookup_reason(error: &io::Error) -> String {
    let text = reason(error);
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_lowercase()
}
