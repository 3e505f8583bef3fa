//! The parser in
//! - crates/child/src/clock.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| child::laws::load(data));
