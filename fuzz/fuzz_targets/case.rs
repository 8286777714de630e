//! Glue: the property is in `src/selftest/fuzz_bodies/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookstorm::selftest::fuzz_bodies::fuzz("case", data));
