//! The parser in
//! - crates/observe/src/personality.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::personality(data));
