//! The parser in
//! - crates/observe/src/tcp_info.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::tcp_info(data));
