//! The parser in
//! - crates/observe/src/schedstat.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::schedstat(data));
