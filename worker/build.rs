//! Binds the worker to the CPython that it is built against: to the shared library by an rpath, to the standard library
//! by the interpreter's path. So neither needs an environment variable at run time.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PYO3_PYTHON");
    // `cfg(Py_3_12)` and the like.
    pyo3_build_config::use_pyo3_cfgs();
    let python = pyo3_build_config::get();
    if let Some(lib_dir) = &python.lib_dir() {
        println!("cargo:rustc-link-arg-bins=-Wl,-rpath,{lib_dir}");
    }
    println!("cargo:rustc-env=HOOKSTORM_PYTHON_VERSION={}", python.version());
    println!("cargo:rustc-env=HOOKSTORM_PYTHON={}", python.executable().unwrap_or_default());
}
