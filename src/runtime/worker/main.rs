//! The worker.
fn main() {
    let _ = pyo3::ffi::Py_IsInitialized;
}
