//! The parser in
//! - crates/observe/src/cpus.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::cpu_list(data));
