//! The parser in
//! - crates/observe/src/fdinfo.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::fdinfo(data));
