//! The parser in
//! - crates/observe/src/pagemap.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::pagemap(data));
