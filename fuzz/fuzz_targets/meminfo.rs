//! The parser in
//! - crates/observe/src/meminfo.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::meminfo(data));
