//! Starts a worker on a plugin of our own, to see whether plugins can run here and which protections the sandbox lacks.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Error;
use crate::{
    contract::{Platform, PluginType},
    package::ScratchFolder,
    runtime::{Limits, Network, RuntimeError, Sandbox, Target, Worker, sandbox::MissingProtections},
    trace::Loading,
};

/// A plugin that does nothing.
const PLUGIN: &str = "class Plugin:\n    def __init__(self, configuration=None, **more):\n        pass\n";

/// What the worker showed.
#[derive(Debug)]
pub(crate) struct Probed {
    pub(crate) loading: Loading,
    /// The folder of Python's standard library.
    pub(crate) standard_library: PathBuf,
    /// The protections that the sandbox lacks.
    pub(crate) missing: MissingProtections,
}

/// Starts a worker in the sandbox, with `venv`. The plugin imports the Plugin SDK if `with_sdk` is set.
pub(crate) fn probe(venv: Option<&Path>, network: Network, with_sdk: bool) -> Result<Probed, Error> {
    let failed = |source| RuntimeError::Scratch { path: std::env::temp_dir(), source };
    let folder = ScratchFolder::new().map_err(failed)?;
    let import = if with_sdk { "import safeguard.sessions.plugin\n" } else { "" };
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
    let (worker, loading) = Worker::start(&target)?;
    Ok(Probed { loading, standard_library: worker.standard_library().into(), missing: worker.missing() })
}

/// The worker's program.
pub(crate) fn worker_program() -> Result<PathBuf, Error> {
    Ok(Worker::program()?)
}
