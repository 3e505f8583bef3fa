//! The parser in
//! - crates/proof/src/record/trace.rs
//! - crates/proof/src/record/recording.rs
//! - crates/proof/src/inject/calls.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proof::laws::strace(data));
