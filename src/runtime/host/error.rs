//! What goes wrong with workers themselves.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::runtime::protocol::shared::REQUEST_LIMIT;

/// Why a worker cannot be had, or failed by itself.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The worker's program is not beside this one.
    #[error("`hookstorm-worker` is not beside `{0}`")]
    NoWorker(PathBuf),
    /// The program that supervises the worker is not beside the worker. Only a program that uses this library can meet
    /// it.
    #[error(
        "`hookstorm` is not beside `{0}`: install both programs in one folder, or begin `main` with \
         `hookstorm::runtime::guardian_main`"
    )]
    NoGuardian(PathBuf),
    /// The dynamic linker did not find CPython.
    #[error("CPython {version} cannot be loaded: {detail}")]
    NoLibpython {
        /// The version that the worker embeds.
        version: String,
        /// The linker's message.
        detail: String,
    },
    /// The folder is no virtual environment.
    #[error("`{0}` is not a virtual environment: it has no `pyvenv.cfg`")]
    NoVenv(PathBuf),
    /// A virtual environment of another Python.
    #[error("the virtual environment `{path}` is of Python {found}, and this hookstorm runs plugins on {version}")]
    VenvVersion {
        /// The environment.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The version that the worker embeds.
        version: String,
    },
    /// The kernel refused something that a worker needs.
    #[error("the worker cannot be started: {0}")]
    Start(#[from] io::Error),
    /// The worker's program, or the one that supervises it, cannot be executed.
    #[error("the worker `{path}` cannot be started: {source}")]
    Program {
        /// The program.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The program is no worker, or it ends or hangs at its start.
    #[error("the worker `{path}` {what}{}", with_stderr(.stderr))]
    NotAWorker {
        /// The program.
        path: PathBuf,
        /// What it did.
        what: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// No scratch folder can be made.
    #[error("no scratch folder can be made in `{path}`: {source}")]
    Scratch {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The worker ended by itself, while no code of the plugin ran.
    #[error("the worker ended unexpectedly ({status}){}", with_stderr(.stderr))]
    Died {
        /// How it ended.
        status: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// The worker does not answer, and no code of the plugin runs.
    #[error("the worker does not answer")]
    Stuck,
    /// The session is larger than a worker can read.
    #[error("the session has {0} bytes, and the most that can be run are {REQUEST_LIMIT}")]
    SessionTooLarge(usize),
    /// The worker's reply cannot be read.
    #[error("the worker's reply is malformed: {0}")]
    Reply(String),
    /// The plugin could not be loaded, so it cannot run sessions.
    #[error("the plugin could not be loaded")]
    NotLoaded,
}

fn with_stderr(stderr: &str) -> String {
    if stderr.trim().is_empty() { String::new() } else { format!(": {}", stderr.trim()) }
}
