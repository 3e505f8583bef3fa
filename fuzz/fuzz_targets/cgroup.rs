//! The parser in
//! - crates/observe/src/cgroup.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::cgroup(data));
