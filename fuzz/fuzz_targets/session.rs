//! Glue: bytes become a session of the plugin that `HOOKSTORM_FUZZ_PLUGIN` names. A finding of level error is a crash.
//! The edges of the plugin's Python code guide libFuzzer: `hookstorm_fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookstorm_fuzz::session(data));
