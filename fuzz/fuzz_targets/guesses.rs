//! The parser in
//! - crates/runner/src/ask/digits.rs
//! - crates/runner/src/ask/guess.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::laws::guesses(data));
