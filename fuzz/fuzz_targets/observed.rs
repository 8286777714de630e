//! Glue: what must hold stands in `hookstorm::campaign::bodies::fuzz_observed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookstorm::campaign::bodies::fuzz_observed(data));
