//! The parser in
//! - crates/observe/src/stat.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::stat(data));
