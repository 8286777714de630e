//! Starts a worker on a plugin of a few lines of ours, to see what the machine has to run plugins with, and hold them by.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::runtime_error;
use crate::{
    cli::error::CliError,
    contract::{Platform, PluginType},
    package::ScratchFolder,
    runtime::{Limits, Network, RuntimeError, Sandbox, Target, Worker, sandbox::MissingProtections},
    trace::Loading,
};

/// A plugin that does nothing.
const PLUGIN: &str = "class Plugin:\n    def __init__(self, configuration=None, **more):\n        pass\n";

/// What was seen.
#[derive(Debug)]
pub(in crate::cli) struct Probed {
    pub(in crate::cli) loading: Loading,
    /// The folder of Python's standard library.
    pub(in crate::cli) standard_library: PathBuf,
    /// What the machine withheld of the sandbox.
    pub(in crate::cli) missing: MissingProtections,
}

/// Starts a worker in the sandbox, with `venv`; the plugin imports the Plugin SDK if it `wants_sdk`.
pub(in crate::cli) fn probe(venv: Option<&Path>, network: Network, wants_sdk: bool) -> Result<Probed, CliError> {
    let failed = |source| runtime_error(RuntimeError::Scratch { path: std::env::temp_dir(), source });
    let folder = ScratchFolder::new().map_err(failed)?;
    let import = if wants_sdk { "import safeguard.sessions.plugin\n" } else { "" };
    std::fs::write(folder.path().join("main.py"), format!("{import}{PLUGIN}")).map_err(failed)?;
    let target = Arc::new(Target {
        // Python names files by their real path.
        root: folder.path().canonicalize().map_err(failed)?,
        entry_point: "main.py".to_owned(),
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: String::new(),
        services: crate::case::Value::empty_dict(),
        venv: venv.map(Path::to_owned),
        limits: Limits::default(),
        network,
        sandbox: Sandbox::default(),
        coverage: false,
        instrument: false,
    });
    let (worker, loading) = Worker::start(&target).map_err(runtime_error)?;
    Ok(Probed { loading, standard_library: worker.standard_library().into(), missing: worker.missing() })
}

/// The worker's program.
pub(in crate::cli) fn worker_program() -> Result<PathBuf, CliError> {
    Worker::program().map_err(runtime_error)
}
