//! CPython inside the worker: started isolated from the machine's environment, with streams that are captured and
//! unbuffered, stacks on a descriptor of their own, and the plugin's paths in the platform's order.

use std::{
    ffi::{CStr, CString},
    os::{fd::AsRawFd, unix::ffi::OsStringExt},
    path::PathBuf,
};

use hookstorm::runtime::protocol::{control::LoadRequest, interpreter::Interpreter};
use pyo3::{ffi, prelude::*, types::PyModule};

use crate::{Descriptors, left, services};

/// What this program is built against, for those who read its file too.
const BUILT_AGAINST: &str =
    concat!("hookstorm-worker embeds Python ", env!("HOOKSTORM_PYTHON_VERSION"), "\n", env!("HOOKSTORM_PYTHON"), "\n");

/// The interpreter that this program is built against; CPython finds its standard library from it.
pub(crate) fn own() -> Interpreter {
    // The box keeps the text whole in the program.
    Interpreter::find(std::hint::black_box(BUILT_AGAINST).as_bytes()).expect("the text has the protocol's form")
}

/// Redirects the standard streams and initializes CPython.
pub(crate) fn start(descriptors: &Descriptors) -> Result<(), String> {
    let null = std::fs::File::open("/dev/null").map_err(|error| format!("/dev/null cannot be opened: {error}"))?;
    for (from, to) in [(null.as_raw_fd(), 0), (descriptors.stdout.raw(), 1), (descriptors.stderr.raw(), 2)] {
        // SAFETY: the process has one thread, and nobody reads or writes its standard streams meanwhile.
        unsafe { libc::dup2(from, to) };
    }
    // SAFETY: CPython is not initialized yet, and this thread is the only one. The structures are initialized by the
    // functions meant for it before they are read, and the strings outlive the calls, which copy them.
    unsafe {
        let mut preconfig = std::mem::zeroed::<ffi::PyPreConfig>();
        ffi::PyPreConfig_InitIsolatedConfig(&raw mut preconfig);
        preconfig.utf8_mode = 1;
        check(ffi::Py_PreInitialize(&raw const preconfig))?;

        let mut config = std::mem::zeroed::<ffi::PyConfig>();
        ffi::PyConfig_InitIsolatedConfig(&raw mut config);
        config.site_import = 0;
        config.write_bytecode = 0;
        config.buffered_stdio = 0;
        config.install_signal_handlers = 1;
        config.use_hash_seed = 1;
        config.hash_seed = 0;
        // Isolated configurations switch this off, and then nobody hears of a plugin's Ctrl-C handlers.
        config.use_environment = 0;
        let python = CString::new(own().executable.into_os_string().into_vec())
            .map_err(|_| "the path of python holds a NUL".to_owned())?;
        let result =
            check(ffi::PyConfig_SetBytesString(&raw mut config, &raw mut config.program_name, python.as_ptr()))
                .and_then(|()| check(ffi::Py_InitializeFromConfig(&raw const config)));
        ffi::PyConfig_Clear(&raw mut config);
        result?;
    }
    Python::attach(|py| prepare(py, descriptors)).map_err(|error| format!("CPython cannot be prepared: {error}"))
}

/// What a step of the initialization said.
///
/// # Safety
/// `status` must come from CPython.
unsafe fn check(status: ffi::PyStatus) -> Result<(), String> {
    // SAFETY: as the caller promises; the message is a static string of CPython.
    unsafe {
        if ffi::PyStatus_Exception(status) == 0 {
            return Ok(());
        }
        let message = status.err_msg;
        if message.is_null() {
            return Err("CPython cannot be initialized".into());
        }
        Err(format!("CPython cannot be initialized: {}", std::ffi::CStr::from_ptr(message).to_string_lossy()))
    }
}

/// The module of our own Python, which the plugin cannot import.
pub(crate) fn bootstrap(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    static MODULE: std::sync::OnceLock<Py<PyModule>> = std::sync::OnceLock::new();
    if let Some(module) = MODULE.get() {
        return Ok(module.bind(py).clone());
    }
    let module = own_module(py, BOOTSTRAP, c"<hookstorm>", c"hookstorm_bootstrap")?;
    Ok(MODULE.get_or_init(|| module.unbind()).bind(py).clone())
}

/// A module of our own Python, which the plugin cannot import.
pub(crate) fn own_module<'py>(
    py: Python<'py>,
    code: &CStr,
    file: &CStr,
    name: &CStr,
) -> PyResult<Bound<'py, PyModule>> {
    let module = PyModule::from_code(py, code, file, name)?;
    py.import("sys")?.getattr("modules")?.call_method1("pop", (name, py.None()))?;
    Ok(module)
}

const BOOTSTRAP: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("bootstrap.py"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => panic!("bootstrap.py holds a NUL"),
};

fn prepare(py: Python<'_>, descriptors: &Descriptors) -> PyResult<()> {
    bootstrap(py)?.getattr("prepare")?.call1((descriptors.fault.raw(),))?;
    left::prepare(py)?;
    // What `site` gives every program, without its search for packages.
    let site = py.import("site")?;
    site.call_method0("setquit")?;
    site.call_method0("setcopyright")?;
    site.call_method0("sethelper")?;
    Ok(())
}

/// Puts the package's root first, then the standard library, then the installed packages.
pub(crate) fn set_paths(py: Python<'_>, request: &LoadRequest) -> PyResult<()> {
    std::env::set_current_dir(request.scratch.join("work"))?;
    let sys = py.import("sys")?;
    sys.getattr("path")?.call_method1("insert", (0, request.root.as_os_str()))?;
    let site = py.import("site")?;
    for folder in &request.site_packages {
        site.call_method1("addsitedir", (folder.as_os_str(),))?;
    }
    services::provide(py, &request.scratch)
}

/// Where this Python and what it imports lie.
pub(crate) struct Folders {
    /// Installations: the interpreter's, and that of a virtual environment.
    pub(crate) prefixes: Vec<PathBuf>,
    /// `sys.path`, beside what is below the prefixes.
    pub(crate) paths: Vec<PathBuf>,
}

/// The folders of the interpreter as it stands now.
pub(crate) fn folders(py: Python<'_>) -> PyResult<Folders> {
    let sys = py.import("sys")?;
    let names = ["prefix", "exec_prefix", "base_prefix", "base_exec_prefix"];
    let mut prefixes = names.iter().map(|name| sys.getattr(*name)?.extract()).collect::<PyResult<Vec<PathBuf>>>()?;
    prefixes.sort();
    prefixes.dedup();
    Ok(Folders { prefixes, paths: sys.getattr("path")?.extract()? })
}

/// Collects garbage and moves what lives out of the collector's sight, so that forks share it.
pub(crate) fn freeze(py: Python<'_>) {
    let _ = py.import("gc").and_then(|gc| {
        gc.call_method0("collect")?;
        gc.call_method0("freeze")
    });
}

/// Ends this process at once, without Python's or Rust's clean-up.
pub(crate) fn leave(status: i32) -> ! {
    // SAFETY: nothing runs after it.
    unsafe { libc::_exit(status) }
}
