//! The parser in
//! - crates/observe/src/limits.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::limits(data));
