//! The parser in
//! - crates/observe/src/cpu.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::proc_stat(data));
