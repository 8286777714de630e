//! Glue: bytes become a session of the plugin that `HOOKSTORM_FUZZ_PLUGIN` names, and each finding that is an error is a
//! crash. What the session does inside the plugin's code steers libFuzzer: `hookstorm_fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookstorm_fuzz::session(data));
