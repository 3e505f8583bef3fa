//! The parser in
//! - crates/observe/src/smaps.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::smaps(data));
