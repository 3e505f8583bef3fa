//! The parser in
//! - crates/observe/src/bpf/btf.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::btf(data));
