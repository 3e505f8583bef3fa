//! The parser in
//! - crates/runner/src/diff/document.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::laws::run_documents(data));
