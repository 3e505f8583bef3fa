//! The parser in
//! - crates/present/src/foreign_text.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| present::laws::foreign_text(data));
