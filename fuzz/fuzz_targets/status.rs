//! The parser in
//! - crates/observe/src/status.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::status(data));
