//! The parser in
//! - crates/observe/src/maps.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::maps(data));
