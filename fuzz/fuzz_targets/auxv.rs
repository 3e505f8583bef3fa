//! The parser in
//! - crates/observe/src/auxv.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::auxv(data));
