//! The parser in
//! - crates/observe/src/buddyinfo.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::buddyinfo(data));
