//! The parser in
//! - crates/runner/src/refusal.rs
//! - crates/claim/src/reading.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::laws::readings(data));
