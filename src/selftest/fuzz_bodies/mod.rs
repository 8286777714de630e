//! What each libFuzzer target does with its bytes, without a fuzzer: the crate in `fuzz/` passes libFuzzer's bytes to
//! these functions, and the tests replay the seeds in `corpora/fuzz/`.
//!
//! Each function panics if its property does not hold, whatever the bytes are; a fuzzer looks for such bytes. The body
//! of the target `session`, which runs a plugin, is in `fuzz/` itself.

mod readers;
mod reports;
mod sessions;
mod worker_bytes;

/// A target: its name, and its body.
pub type FuzzBody = (&'static str, fn(&[u8]));

/// Every target except `session`.
pub const FUZZ_BODIES: [FuzzBody; 9] = [
    ("manifest", readers::manifest),
    ("archive", readers::archive),
    ("configuration", readers::configuration_text),
    ("arguments", sessions::arguments),
    ("cookie", sessions::cookie),
    ("case", sessions::case),
    ("report", reports::report),
    ("observed", worker_bytes::observed),
    ("wire", worker_bytes::wire),
];

/// Runs the body of the target `name` on `data`.
///
/// # Panics
/// If the target's property does not hold for `data`, or no target has the name.
pub fn fuzz(name: &str, data: &[u8]) {
    let body = FUZZ_BODIES.iter().find(|(known, _)| *known == name);
    let (_, body) = body.unwrap_or_else(|| panic!("`{name}` is not the name of a fuzz target"));
    body(data);
}
