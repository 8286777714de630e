//! Tells the worker where the CPython that it is built against lives: the shared library through an rpath, the
//! standard library through the interpreter's path, so that neither needs an environment variable at run time.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PYO3_PYTHON");
    // `cfg(Py_3_12)` and the like.
    pyo3_build_config::use_pyo3_cfgs();
    let python = pyo3_build_config::get();
    if let Some(lib_dir) = &python.lib_dir() {
        println!("cargo:rustc-link-arg-bin=hookstorm-worker=-Wl,-rpath,{lib_dir}");
    }
    println!("cargo:rustc-env=HOOKSTORM_PYTHON_VERSION={}", python.version());
    println!("cargo:rustc-env=HOOKSTORM_PYTHON={}", python.executable().unwrap_or_default());
}
