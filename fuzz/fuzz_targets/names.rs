//! The parser in
//! - crates/runner/src/cli/select.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::laws::names(data));
