//! The platform's services inside the worker: `services.py`, which holds the SDK's stand-ins, and the way of the memory
//! cache from one isolated call to the next.
//!
//! Costs nothing where a session's services are empty and no stand-in was ever imported.

use std::path::Path;

use hookstorm::{
    case::Value,
    runtime::sandbox::scratch::{CARRIED, CARRIED_LIMIT},
};
use pyo3::{
    prelude::*,
    types::{PyList, PyModule},
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

/// Has the SDK's stand-ins taken hold of from now on. What they write goes into `scratch`.
pub(crate) fn provide(py: Python<'_>, scratch: &Path) -> PyResult<()> {
    handles(py)?.module.bind(py).call_method1("provide", (scratch.as_os_str(),)).map(drop)
}

/// The services that the code at `paths` uses; see [`hookstorm::trace::PluginTokens::services`].
pub(crate) fn used(py: Python<'_>, paths: &[&String]) -> PyResult<Vec<String>> {
    handles(py)?.module.bind(py).call_method1("used", (paths.to_vec(),))?.extract()
}

/// Fills the services of a session in. In a process of one call, `folder` is where an earlier one may have left the
/// memory cache.
pub(crate) fn begin(py: Python<'_>, services: &Value, folder: Option<&Path>) -> PyResult<()> {
    let handles = handles(py)?;
    let is_imported = !handles.standins.bind(py).is_empty();
    let carried = folder.filter(|_| is_imported || !services.is_empty_dict()).and_then(|folder| {
        use std::io::Read;
        let mut text = String::new();
        std::fs::File::open(folder.join(CARRIED)).ok()?.take(CARRIED_LIMIT).read_to_string(&mut text).ok()?;
        Some(text)
    });
    if services.is_empty_dict() && carried.is_none() {
        return Ok(());
    }
    handles.module.bind(py).call_method1("begin", (convert::to_python(py, services)?, carried)).map(drop)
}

/// Leaves the memory cache for the session's next process.
pub(crate) fn carry(py: Python<'_>, folder: &Path) -> PyResult<()> {
    let handles = handles(py)?;
    if handles.standins.bind(py).is_empty() {
        return Ok(());
    }
    let carried = handles.module.bind(py).call_method0("carried")?.extract::<String>()?;
    let path = folder.join(CARRIED);
    if carried != "[]" || path.exists() {
        std::fs::write(path, carried)?;
    }
    Ok(())
}

/// Empties the services again. False where the plugin put something else in a stand-in's place.
pub(crate) fn end(py: Python<'_>, services: &Value) -> bool {
    let Ok(handles) = handles(py) else { return false };
    if services.is_empty_dict() && handles.standins.bind(py).is_empty() {
        return true;
    }
    let ended = handles.module.bind(py).call_method0("end").and_then(|whole| whole.extract::<bool>());
    ended.unwrap_or(false)
}
