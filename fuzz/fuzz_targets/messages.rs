//! The parser in
//! - crates/child/src/link.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| child::laws::messages(data));
