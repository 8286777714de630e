//! Glue: what must hold stands in `hookstorm::report::target::fuzz_report`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookstorm::report::target::fuzz_report(data));
