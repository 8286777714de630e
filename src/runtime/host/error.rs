//! What goes wrong with workers by itself.

use thiserror::Error;

use crate::runtime::protocol::shared::REQUEST_LIMIT;

/// Why a worker cannot be had, or went wrong by itself.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The worker's program is not beside the host's.
    #[error("`hookstorm-worker` is not beside `{0}`")]
    NoWorker(std::path::PathBuf),
    /// The dynamic linker did not find CPython.
    #[error("CPython {version} cannot be loaded: {detail}")]
    NoLibpython {
        /// The version that this hookstorm was built against.
        version: String,
        /// What the linker said.
        detail: String,
    },
    /// No virtual environment there.
    #[error("`{0}` is not a virtual environment: it has no `pyvenv.cfg`")]
    NoVenv(std::path::PathBuf),
    /// A virtual environment of another Python.
    #[error("the virtual environment `{path}` is of Python {found}, and this hookstorm runs plugins on {version}")]
    VenvVersion {
        /// The environment.
        path: std::path::PathBuf,
        /// Its version.
        found: String,
        /// Ours.
        version: String,
    },
    /// The worker could not be started.
    #[error("the worker cannot be started: {0}")]
    Start(#[from] std::io::Error),
    /// The worker's program could not be started.
    #[error("the worker `{path}` cannot be started: {source}")]
    Program {
        /// The program.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The program is no worker, or ends or hangs at its start.
    #[error("the worker `{path}` {what}{}", said(.stderr))]
    NotAWorker {
        /// The program.
        path: std::path::PathBuf,
        /// What it did.
        what: String,
        /// What it said.
        stderr: String,
    },
    /// There is no place for what the plugin writes.
    #[error("no scratch folder can be made in `{path}`: {source}")]
    Scratch {
        /// Where.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The worker ended by itself, outside of the plugin's code.
    #[error("the worker ended unexpectedly ({status}){}", said(.stderr))]
    Died {
        /// How.
        status: String,
        /// What it said.
        stderr: String,
    },
    /// The worker does not answer, outside of the plugin's code.
    #[error("the worker does not answer")]
    Stuck,
    /// The session is too large to be handed over.
    #[error("the session has {0} bytes, and the most that can be run are {REQUEST_LIMIT}")]
    SessionTooLarge(usize),
    /// The worker's reply is none.
    #[error("the worker's reply is malformed: {0}")]
    Reply(String),
    /// The plugin could not be loaded, so nothing can be run.
    #[error("the plugin could not be loaded")]
    NotLoaded,
}

fn said(stderr: &str) -> String {
    if stderr.trim().is_empty() { String::new() } else { format!(": {}", stderr.trim()) }
}
