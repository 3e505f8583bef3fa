//! The parser in
//! - crates/observe/src/sysctl.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::sysctl(data));
