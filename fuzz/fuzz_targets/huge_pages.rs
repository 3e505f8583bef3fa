//! The parser in
//! - crates/observe/src/huge_pages.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::huge_pages(data));
