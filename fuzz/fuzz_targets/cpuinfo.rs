//! The parser in
//! - crates/observe/src/cpu_model.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::cpuinfo(data));
