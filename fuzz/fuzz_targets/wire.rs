//! Glue: what must hold stands in `hookstorm::engine::bodies::fuzz_wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookstorm::engine::bodies::fuzz_wire(data));
