//! The parser in
//! - crates/observe/src/net_tcp.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::net_tcp(data));
