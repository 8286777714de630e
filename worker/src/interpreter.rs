//! CPython inside the worker: isolated from the machine's environment, with captured and unbuffered streams, stacks on
//! a descriptor of their own, and the plugin's paths in the platform's order.

use std::{
    ffi::{CStr, CString},
    os::{fd::AsRawFd, unix::ffi::OsStringExt},
    path::PathBuf,
};

use hookstorm::runtime::protocol::{interpreter::Interpreter, loading::LoadRequest};
use pyo3::{ffi, prelude::*, types::PyModule};

use crate::{Descriptors, resources, services};

/// What this program is built against; the host can read it from the program's file.
const BUILT_AGAINST: &str =
    concat!("hookstorm-worker embeds Python ", env!("HOOKSTORM_PYTHON_VERSION"), "\n", env!("HOOKSTORM_PYTHON"), "\n");

/// The interpreter that this program is built against; CPython finds its standard library from it.
pub(crate) fn own() -> Interpreter {
    // The compiler must keep the whole text in the program.
    Interpreter::find(std::hint::black_box(BUILT_AGAINST).as_bytes()).expect("the text has the protocol's form")
}

/// Redirects the standard streams and initializes CPython.
pub(crate) fn start(descriptors: &Descriptors) -> Result<(), String> {
    let null = std::fs::File::open("/dev/null").map_err(|error| format!("/dev/null cannot be opened: {error}"))?;
    for (from, to) in [(null.as_raw_fd(), 0), (descriptors.stdout.raw(), 1), (descriptors.stderr.raw(), 2)] {
        // SAFETY: the process has one thread, so nothing reads or writes its standard streams meanwhile.
        unsafe { libc::dup2(from, to) };
    }
    // SAFETY: CPython is not initialized yet, and this thread is the only one. CPython's own functions initialize the
    // structures before they are read, and the strings outlive the calls, which copy them.
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
        // An isolated configuration switches this off, and then a handler of the plugin for Ctrl-C does not work.
        config.install_signal_handlers = 1;
        config.use_hash_seed = 1;
        config.hash_seed = 0;
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

/// The result of a step of the initialization.
///
/// # Safety
/// `status` must come from CPython.
unsafe fn check(status: ffi::PyStatus) -> Result<(), String> {
    // SAFETY: the caller promises it; the message is a static string of CPython.
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
    resources::prepare(py)?;
    // What `site` adds for every program, without its search for packages.
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

/// Where this Python and what it imports are.
pub(crate) struct Folders {
    /// The folders of the interpreter's installation and of the virtual environment.
    pub(crate) prefixes: Vec<PathBuf>,
    /// `sys.path`.
    pub(crate) paths: Vec<PathBuf>,
}

/// The folders of the interpreter now.
pub(crate) fn folders(py: Python<'_>) -> PyResult<Folders> {
    let sys = py.import("sys")?;
    let names = ["prefix", "exec_prefix", "base_prefix", "base_exec_prefix"];
    let mut prefixes = names.iter().map(|name| sys.getattr(*name)?.extract()).collect::<PyResult<Vec<PathBuf>>>()?;
    prefixes.sort();
    prefixes.dedup();
    Ok(Folders { prefixes, paths: sys.getattr("path")?.extract()? })
}

/// Collects garbage, and excludes what is alive from later collections, so that forks share its memory.
pub(crate) fn freeze(py: Python<'_>) {
    let _ = py.import("gc").and_then(|gc| {
        gc.call_method0("collect")?;
        gc.call_method0("freeze")
    });
}

/// Exits at once, without the clean-up of Python or Rust.
pub(crate) fn leave(status: i32) -> ! {
    // SAFETY: nothing in this process runs after it.
    unsafe { libc::_exit(status) }
}
