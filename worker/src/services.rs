//! The platform's services inside the worker: `services.py`, which fills the SDK's stand-ins, and the memory cache,
//! which goes from one isolated call to the next.
//!
//! This costs nothing if a session's services are empty and no stand-in was ever imported.

use std::path::Path;

use hookstorm::{
    case::Value,
    runtime::sandbox::session_folders::{APPLIANCE_FOLDERS, MEMORY_CACHE, MEMORY_CACHE_LIMIT, is_same},
};
use pyo3::{
    prelude::*,
    types::{PyDict, PyList, PyModule},
};

use crate::{convert, interpreter};

const SERVICES: &std::ffi::CStr =
    match std::ffi::CStr::from_bytes_with_nul(concat!(include_str!("services.py"), "\0").as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("services.py holds a NUL"),
    };

struct Handles {
    module: Py<PyModule>,
    /// The stand-ins that were imported.
    standins: Py<PyList>,
}

fn handles(py: Python<'_>) -> PyResult<&'static Handles> {
    static HANDLES: std::sync::OnceLock<Handles> = std::sync::OnceLock::new();
    if let Some(handles) = HANDLES.get() {
        return Ok(handles);
    }
    let module = interpreter::own_module(py, SERVICES, c"<hookstorm-services>", c"hookstorm_services")?;
    let standins = module.getattr("standins")?.cast_into::<PyList>()?.unbind();
    Ok(HANDLES.get_or_init(|| Handles { module: module.unbind(), standins }))
}

/// Takes control of the SDK's stand-ins from now on. What they write goes into `scratch`.
pub(crate) fn provide(py: Python<'_>, scratch: &Path) -> PyResult<()> {
    handles(py)?.module.bind(py).call_method1("provide", (scratch.as_os_str(),)).map(drop)
}

/// Lets Python code find the files of the appliance, if they could not be mounted: `root` has that code, which may also
/// have their paths from its `configuration`.
pub(crate) fn redirect_appliance(py: Python<'_>, scratch: &Path, root: &Path, configuration: &str) -> PyResult<()> {
    let folders = PyDict::new(py);
    for (at, own) in APPLIANCE_FOLDERS {
        let own = scratch.join(own);
        if !is_same(Path::new(at), &own) {
            folders.set_item(at, own.as_os_str())?;
        }
    }
    if folders.is_empty() {
        return Ok(());
    }
    handles(py)?.module.bind(py).call_method1("redirect", (folders, root.as_os_str(), configuration)).map(drop)
}

/// The services that the code at `paths` uses: see [`hookstorm::trace::PluginTokens::services`].
pub(crate) fn used(py: Python<'_>, paths: &[&String]) -> PyResult<Vec<String>> {
    handles(py)?.module.bind(py).call_method1("used", (paths.to_vec(),))?.extract()
}

/// Fills the services for a session. In a process for one call, `folder` is where an earlier one may have left the
/// memory cache.
pub(crate) fn begin(py: Python<'_>, services: &Value, folder: Option<&Path>) -> PyResult<()> {
    let handles = handles(py)?;
    let is_imported = !handles.standins.bind(py).is_empty();
    let cache = folder.filter(|_| is_imported || !services.is_empty_dict()).and_then(|folder| {
        use std::io::Read;
        let mut text = String::new();
        std::fs::File::open(folder.join(MEMORY_CACHE)).ok()?.take(MEMORY_CACHE_LIMIT).read_to_string(&mut text).ok()?;
        Some(text)
    });
    if services.is_empty_dict() && cache.is_none() {
        return Ok(());
    }
    handles.module.bind(py).call_method1("begin", (convert::to_python(py, services)?, cache)).map(drop)
}

/// Writes the memory cache for the session's next process.
pub(crate) fn write_memory_cache(py: Python<'_>, folder: &Path) -> PyResult<()> {
    let handles = handles(py)?;
    if handles.standins.bind(py).is_empty() {
        return Ok(());
    }
    let cache = handles.module.bind(py).call_method0("memory_cache")?.extract::<String>()?;
    let path = folder.join(MEMORY_CACHE);
    if cache != "[]" || path.exists() {
        std::fs::write(path, cache)?;
    }
    Ok(())
}

/// Empties the services again. False if the plugin replaced a stand-in.
pub(crate) fn end(py: Python<'_>, services: &Value) -> bool {
    let Ok(handles) = handles(py) else { return false };
    if services.is_empty_dict() && handles.standins.bind(py).is_empty() {
        return true;
    }
    let is_whole = handles.module.bind(py).call_method0("end").and_then(|whole| whole.extract::<bool>());
    is_whole.unwrap_or(false)
}
