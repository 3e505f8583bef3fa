//! The parser in
//! - crates/observe/src/netstat.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::netstat(data));
