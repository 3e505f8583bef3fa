//! The parser in
//! - crates/runner/src/cli/numbers.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::laws::byte_sizes(data));
