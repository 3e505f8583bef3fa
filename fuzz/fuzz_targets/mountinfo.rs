//! The parser in
//! - crates/observe/src/mountinfo.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::mountinfo(data));
