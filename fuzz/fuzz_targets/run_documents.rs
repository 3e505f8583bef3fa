//! The parsers in
//! - crates/runner/src/diff/document.rs
//! - crates/runner/src/saved.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::laws::run_documents(data));
